import type { PermissionMode, RunLimits, TaskPart } from "@ccsp/engine-kit";
import type { Lease } from "./queue.js";

/** What this executor's operator lets agents ask for. */
export interface Policy {
  /** Absolute folders. Tasks may name files and working folders under them. */
  readonly roots: readonly string[];
  /** The modes that a task may ask for. The first is the default for tasks that name no mode. */
  readonly permissionModes: readonly [PermissionMode, ...PermissionMode[]];
  /** Tools that are denied to every run. */
  readonly deniedTools: readonly string[];
  /** For tasks that name no time. */
  readonly wallMs: number;
  readonly maxWallMs: number;
  /** Limit of a run's output. It also applies if the task asks for more, because a result must fit into one message. */
  readonly outputBytes: number;
  /** Undefined: no limit. */
  readonly maxTurns: number | undefined;
  readonly maxBudgetUsd: number | undefined;
  /** Working folders may bring settings that run commands and give permissions. */
  readonly projectSettings: boolean;
  /** For all included files of a task together. */
  readonly includeBytes: number;
}

/** What is at a path after all symlinks are followed. */
export interface Found {
  readonly real: string;
  readonly kind: "file" | "folder" | "other";
}

/** An allowed root: its path in the configuration and its real path. */
export interface Root {
  readonly path: string;
  readonly real: string;
}

/**
 * What a task asks for and may not have. Each entry begins with its field. It does not check the disk: see `judgePath`.
 */
export function refusals(lease: Lease, policy: Policy): readonly string[] {
  const { model, fallbackModels, attachments, includeFiles, permissionMode, limits } = lease;
  const { availableTools, allowedTools, deniedTools } = lease;
  const faults: string[] = [];
  const unless = (good: boolean, fault: string) => {
    if (!good) faults.push(fault);
  };

  unless(
    [model, ...fallbackModels].every(isModel),
    "model, fallback_models: each has to be one name, without commas and control characters",
  );
  const names = attachments.map(({ name }) => name);
  unless(names.every(isFileName), "attachments: a name is not 1 to 255 of A-Z a-z 0-9 . _ -, without a dot in front");
  unless(new Set(names).size === names.length, "attachments: two have the same name");
  unless(includeFiles.length <= MAX_INCLUDED, `include_files: more than ${MAX_INCLUDED}`);

  unless(
    [...allowedTools, ...deniedTools].every(isTool),
    "allowed_tools, denied_tools: each has to be one tool, as Name or Name(rule)",
  );
  unless(availableTools.every(isToolName), "available_tools: each has to be the name of one tool, without a rule");
  for (const [field, tools] of Object.entries({ available_tools: availableTools, allowed_tools: allowedTools })) {
    const denied = tools.find((tool) => policy.deniedTools.some((other) => other === tool || other === nameOf(tool)));
    unless(denied === undefined, `${field}: ${denied} is denied to every task here`);
  }

  const modes: readonly string[] = policy.permissionModes;
  unless(
    permissionMode === undefined || modes.includes(permissionMode),
    `permission_mode: ${permissionMode} is not allowed here, only ${modes.join(", ")}`,
  );

  const within = (field: string, asked: number | undefined, most: number | undefined, unit: string) =>
    unless((asked ?? 0) <= (most ?? Infinity), `limits.${field}: at most ${most}${unit} here`);
  within("wall_time", limits.wallMs, policy.maxWallMs, " ms");
  within("turns", limits.turns, policy.maxTurns, "");
  within("budget_usd", limits.budgetUsd, policy.maxBudgetUsd, "");
  return faults;
}

/** The limits of an accepted task's run. */
export function limitsOf({ limits }: Lease, policy: Policy): RunLimits {
  return {
    wallMs: limits.wallMs ?? Math.min(policy.wallMs, policy.maxWallMs),
    outputBytes: Math.min(limits.outputBytes ?? policy.outputBytes, policy.outputBytes),
    turns: limits.turns ?? policy.maxTurns,
    budgetUsd: limits.budgetUsd ?? policy.maxBudgetUsd,
  };
}

/**
 * The parts of a task that the policy sets for every run. If an engine does not support a part, the policy does not
 * bind that engine.
 */
export function policedParts({ deniedTools, permissionModes, maxTurns, maxBudgetUsd }: Policy): readonly TaskPart[] {
  return [
    ...(deniedTools.length > 0 ? (["denied_tools"] as const) : []),
    ...(permissionModes[0] === "default" ? [] : (["permission_mode"] as const)),
    ...(maxTurns === undefined ? [] : (["limits.turns"] as const)),
    ...(maxBudgetUsd === undefined ? [] : (["limits.budget_usd"] as const)),
  ];
}

/**
 * Whether the executor may check a path. The path must be absolute, must have no `.`, `..` or `//`, and must be under a
 * root as it is written. The executor does not check paths outside the roots, so a task cannot learn what is there.
 */
export function mayInspect(path: string, roots: readonly Root[]): boolean {
  const plain = path.startsWith("/") && path.length <= MAX_PATH && !/(^|\/)\.{1,2}(\/|$)|\/\/|\0/.test(path);
  return plain && roots.some((root) => isUnder(path, root.path) || isUnder(path, root.real));
}

/**
 * What is wrong with a path that the executor may check. Undefined: nothing is wrong. A path that does not exist and a
 * path that leads out of the roots get the same message.
 */
export function judgePath(
  found: Found | undefined,
  kind: "file" | "folder",
  roots: readonly Root[],
): string | undefined {
  if (found === undefined || !roots.some((root) => isUnder(found.real, root.real))) return OUTSIDE;
  if (found.kind === kind) return undefined;
  return kind === "file" ? "is not a regular file" : "is not a folder";
}

export const OUTSIDE = "is not in a folder that this executor allows, or does not exist";

const MAX_INCLUDED = 64;
/** Leaves bytes for the run's own folder in front of it: the result must still be a valid path. */
const MAX_PATH = 2_048;

/** Compares whole names: /srv/ab is not under /srv/a. */
export const isUnder = (path: string, root: string): boolean =>
  path === root || path.startsWith(root.endsWith("/") ? root : `${root}/`);

/** The same, but not the root itself. */
export const isInside = (path: string, root: string): boolean =>
  isUnder(path, root) && path.replace(/\/+$/, "") !== root.replace(/\/+$/, "");

const isFileName = (name: string): boolean => /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}$/.test(name);

/** Models become arguments. Commas separate a list of them, and no argument can contain a NUL. */
const isModel = (name: string): boolean => !/[,\p{Cc}]/u.test(name);

/**
 * A tool's name, optionally with a rule in brackets. Elsewhere a comma or a space would make an engine read two tools.
 */
const isTool = (tool: string): boolean => /^[^\s,()]+(\([^()]*\))?$/.test(tool) && !/\p{Cc}/u.test(tool);

const isToolName = (tool: string): boolean => isTool(tool) && nameOf(tool) === tool;

const nameOf = (tool: string): string => tool.split("(", 1)[0] ?? tool;
