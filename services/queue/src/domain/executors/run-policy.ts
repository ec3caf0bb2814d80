import type { FieldViolation } from "@ccsp/errors";

/** What the operator of an executor lets tasks ask for, as the executor tells it. The executor itself enforces it. */
export interface RunPolicy {
  /** The words of the permission modes. */
  readonly modes: readonly string[];
  /** Absolute folders. Files and working folders of tasks have to be under them. */
  readonly roots: readonly string[];
  /** More folders may be allowed at any time, so only the executor judges folders. */
  readonly rootsMayChange: boolean;
  readonly noWorkingFolders: boolean;
  /** The highest limits. Undefined: a task may ask for any. */
  readonly most: Partial<PolicedLimits>;
  readonly deniedTools: readonly string[];
}

interface PolicedLimits {
  readonly wallMs: number;
  readonly outputBytes: number;
  readonly turns: number;
  readonly budgetUsd: number;
}

/** The parts of a task that a policy can forbid. */
export interface PolicedParts {
  readonly engine: string;
  /** The only executor that ever runs it. Undefined: any may. */
  readonly pin: string | undefined;
  /** The executor that it waits for first. Undefined: none. */
  readonly prefers: string | undefined;
  /** Undefined: the default of the executor. */
  readonly mode: string | undefined;
  /** Empty: none. */
  readonly workingFolder: string;
  readonly includeFiles: readonly string[];
  readonly availableTools: readonly string[];
  readonly allowedTools: readonly string[];
  readonly limits: Partial<PolicedLimits>;
}

interface PolicedExecutor {
  readonly id: string;
  readonly offers: readonly { readonly engine: string; readonly policy?: RunPolicy }[];
}

/**
 * The faults of a task that no executor of its engine would run. Empty if one of them would run it. It is also empty if
 * the task waits for an executor: if none offers its engine, or if the one that it prefers is away. An executor that
 * tells no policy allows everything.
 */
export function forbiddenEverywhere(
  task: PolicedParts,
  executors: readonly PolicedExecutor[],
): readonly FieldViolation[] {
  if (task.prefers !== undefined && !executors.some(({ id }) => id === task.prefers)) return [];
  const fitting = executors
    .filter(({ id }) => task.pin === undefined || id === task.pin)
    .flatMap(({ offers }) => offers.filter(({ engine }) => engine === task.engine));
  const found = fitting.map(({ policy }) => (policy === undefined ? [] : forbidden(task, policy)));
  if (found.some((each) => each.length === 0)) return [];
  const fields = new Set(found.flatMap((each) => each.map(({ field }) => field)));
  return [...fields].map((field) => {
    const said = found.flatMap((each) => each.filter((one) => one.field === field));
    const whose =
      said.length === found.length
        ? `no executor of ${task.engine} allows it`
        : `not every executor of ${task.engine} allows it, and the others forbid other fields`;
    return {
      field,
      description: `${whose}: ${[...new Set(said.map(({ description }) => description))].join(", or ")}`,
    };
  });
}

/**
 * As the executor judges it. Only the output it lowers without a word: here that is refused too, so that nobody learns
 * of it by a run that was stopped.
 */
function forbidden(task: PolicedParts, policy: RunPolicy): readonly FieldViolation[] {
  const { mode, workingFolder, includeFiles, limits } = task;
  const { most, roots } = policy;
  const faults: FieldViolation[] = [];
  const unless = (good: boolean, field: string, description: string): void => {
    if (!good) faults.push({ field: `spec.${field}`, description });
  };
  const isAllowed = (path: string): boolean => policy.rootsMayChange || isUnderOne(path, roots);
  unless(mode === undefined || policy.modes.includes(mode), "permission_mode", `only ${policy.modes.join(", ")}`);
  if (workingFolder !== "") {
    unless(!policy.noWorkingFolders, "working_folder", "it has no working folders");
    unless(isAllowed(workingFolder), "working_folder", OUTSIDE);
  }
  unless(includeFiles.every(isAllowed), "include_files", OUTSIDE);
  for (const [field, tools] of [
    ["available_tools", task.availableTools],
    ["allowed_tools", task.allowedTools],
  ] as const) {
    const denied = tools.find((tool) => policy.deniedTools.some((other) => other === tool || other === nameOf(tool)));
    unless(denied === undefined, field, `${denied} is denied`);
  }
  const within = (field: string, name: keyof PolicedLimits, unit = ""): void =>
    unless((limits[name] ?? 0) <= (most[name] ?? Infinity), `limits.${field}`, `at most ${most[name]}${unit}`);
  within("wall_time", "wallMs", " ms");
  within("output_bytes", "outputBytes");
  within("turns", "turns");
  within("budget_usd", "budgetUsd");
  return faults;
}

const OUTSIDE = "it is in no allowed folder";

const isUnderOne = (path: string, roots: readonly string[]): boolean =>
  roots.some((root) => path === root || path.startsWith(root.endsWith("/") ? root : `${root}/`));

const nameOf = (tool: string): string => tool.split("(", 1)[0] ?? tool;
