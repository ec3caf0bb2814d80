import type { PermissionMode, RunLimits, TaskPart } from "@ccsp/engine-kit";
import type { Lease } from "./queue.js";

/** What this executor's operator lets agents ask for. */
export interface Policy {
  /** Folders, absolute, under which tasks may name files and working folders. */
  readonly roots: readonly string[];
  /** Those that a task may ask for; the first is for tasks that ask for none. */
  readonly permissionModes: readonly [PermissionMode, ...PermissionMode[]];
  /** Denied to every run. */
  readonly deniedTools: readonly string[];
  /** For tasks that name none. */
  readonly wallMs: number;
  readonly maxWallMs: number;
  /** Of a run; also where the task asks for more, since a result has to fit into one message. */
  readonly outputBytes: number;
  /** Undefined: any number. */
  readonly maxTurns: number | undefined;
  readonly maxBudgetUsd: number | undefined;
  /** Of all included files together. */
  readonly includeBytes: number;
}

/** What is at a path, followed through every symlink. */
export interface Found {
  readonly real: string;
  readonly kind: "file" | "folder" | "other";
}

/** An allowed root, as it is written and where it really is. */
export interface Root {
  readonly path: string;
  readonly real: string;
}

/** What an agent may not have, each beginning with its field. Knows nothing of what is on the disk: see `judgePath`. */
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

/** What a policy sets for every run: an engine that does not honour it is not bound by it. */
export function policedParts({ deniedTools, permissionModes, maxTurns, maxBudgetUsd }: Policy): readonly TaskPart[] {
  return [
    ...(deniedTools.length > 0 ? (["denied_tools"] as const) : []),
    ...(permissionModes[0] === "default" ? [] : (["permission_mode"] as const)),
    ...(maxTurns === undefined ? [] : (["limits.turns"] as const)),
    ...(maxBudgetUsd === undefined ? [] : (["limits.budget_usd"] as const)),
  ];
}

/**
 * Whether a path may be looked at: absolute, without detours, and as it is written under a root. What is outside is not even asked
 * for, so that nobody learns what is there.
 */
export function mayLook(path: string, roots: readonly Root[]): boolean {
  const plain = path.startsWith("/") && path.length <= MAX_PATH && !/(^|\/)\.{1,2}(\/|$)|\/\/|\0/.test(path);
  return plain && roots.some((root) => isUnder(path, root.path) || isUnder(path, root.real));
}

/**
 * What is wrong with a path that may be looked at; undefined when nothing is. Something that is not there and something that
 * leads out of the roots get the same words.
 */
export function judgePath(
  found: Found | undefined,
  kind: "file" | "folder",
  roots: readonly Root[],
): string | undefined {
  if (found === undefined || !roots.some((root) => isUnder(found.real, root.real))) return OUTSIDE;
  if (found.kind === kind) return undefined;
  return kind === "file" ? "is no regular file" : "is no folder";
}

export const OUTSIDE = "is not in a folder that this executor allows, or not there";

const MAX_INCLUDED = 64;
/** With the run's own folder in front it must still be a path. */
const MAX_PATH = 2_048;

/** Whole names count: /srv/ab is not under /srv/a. */
const isUnder = (path: string, root: string): boolean =>
  path === root || path.startsWith(root.endsWith("/") ? root : `${root}/`);

const isFileName = (name: string): boolean => /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}$/.test(name);

/** They become arguments: a list of them is separated by commas, and no argument can hold a NUL. */
const isModel = (name: string): boolean => !/[,\p{Cc}]/u.test(name);

/** A name, perhaps with a rule: what has a comma or a blank elsewhere would be two tools to an engine. */
const isTool = (tool: string): boolean => /^[^\s,()]+(\([^()]*\))?$/.test(tool) && !/\p{Cc}/u.test(tool);

const isToolName = (tool: string): boolean => isTool(tool) && nameOf(tool) === tool;

const nameOf = (tool: string): string => tool.split("(", 1)[0] ?? tool;
