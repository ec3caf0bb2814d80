import type { CategoryName } from "@ccsp/errors";
import { type TaskSpec as Message, PermissionMode, Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { wordsOf } from "@ccsp/protos/words.js";
import { categoryName, type PermissionModeName, PRIORITIES, type PriorityName, wordOf } from "./words.js";

/**
 * A task as it was submitted. Its fields are those of `TaskInput`. A field that was left out is undefined, "", 0 or
 * empty, and has the default of the installation.
 */
export interface TaskSpec {
  readonly prompt: string;
  readonly engine: string;
  readonly priority: PriorityName | "unknown";
  readonly model: string;
  readonly fallbackModels: readonly string[];
  readonly systemPrompt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly limits: TaskLimits | undefined;
  readonly maxAttempts: number;
  readonly retry: TaskRetry | undefined;
  readonly startTime: Date | undefined;
  readonly startDeadline: Date | undefined;
  readonly affinity: { readonly executorId: string; readonly fallbackAfterMs: number | undefined } | undefined;
  readonly cache: { readonly maxAgeMs: number | undefined } | undefined;
  readonly conversation: { readonly id: string; readonly fork: boolean } | undefined;
  readonly attachments: readonly { readonly name: string; readonly content: Uint8Array }[];
  readonly includeFiles: readonly string[];
  readonly workingFolder: string;
  readonly availableTools: readonly string[];
  readonly allowedTools: readonly string[];
  readonly deniedTools: readonly string[];
  readonly permissionMode: Exclude<PermissionModeName, "manual" | "acceptEdits"> | "unknown" | undefined;
}

/** Bounds on what a run may use. Undefined: the default of the installation. */
export interface TaskLimits {
  readonly wallTimeMs: number | undefined;
  readonly outputBytes: number | undefined;
  readonly turns: number | undefined;
  readonly budgetUsd: number | undefined;
}

/** How failed runs are tried again. Undefined: the rule of the installation. */
export interface TaskRetry {
  readonly firstBackoffMs: number | undefined;
  readonly maxBackoffMs: number | undefined;
  readonly neverOn: readonly CategoryName[];
}

const MODES = wordsOf(PermissionMode);

export function toTaskSpec(message: Message): TaskSpec {
  const { priority, limits, retry, affinity, cache, permissionMode, ...plain } = message;
  return {
    ...plain,
    priority: priority === Priority.UNSPECIFIED ? "normal" : wordOf(PRIORITIES, priority),
    limits: limits && {
      wallTimeMs: limits.wallTime && durationMs(limits.wallTime),
      outputBytes: limits.outputBytes === undefined ? undefined : Number(limits.outputBytes),
      turns: limits.turns,
      budgetUsd: limits.budgetUsd,
    },
    retry: retry && {
      firstBackoffMs: retry.firstBackoff && durationMs(retry.firstBackoff),
      maxBackoffMs: retry.maxBackoff && durationMs(retry.maxBackoff),
      neverOn: retry.neverOn.map(categoryName),
    },
    affinity: affinity && {
      executorId: affinity.executorId,
      fallbackAfterMs: affinity.fallbackAfter && durationMs(affinity.fallbackAfter),
    },
    cache: cache && { maxAgeMs: cache.maxAge && durationMs(cache.maxAge) },
    permissionMode: permissionMode === PermissionMode.UNSPECIFIED ? undefined : wordOf(MODES, permissionMode),
  };
}
