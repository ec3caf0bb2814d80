import type { CategoryName } from "@ccsp/errors";
import type { PriorityClass, State, Task } from "../task/task.js";

/** Selects tasks. Every field that is set has to match. An empty list matches any. */
export interface TaskFilter {
  readonly agent?: string;
  readonly states: readonly State[];
  readonly engine?: string;
  readonly classes: readonly PriorityClass[];
  /** The task has all these labels, in the form of `labelName`. */
  readonly labels: readonly string[];
  /** Accepted at this time (ms since 1970) or later. */
  readonly fromMs?: number;
  /** Accepted before this time. */
  readonly beforeMs?: number;
  /** The newest failure is one of these. A task that succeeded shows none. */
  readonly categories: readonly CategoryName[];
}

export const ANY_TASK: TaskFilter = { states: [], classes: [], labels: [], categories: [] };

export function matches(task: Task, filter: TaskFilter): boolean {
  const { agent, states, engine, classes, labels, fromMs, beforeMs, categories } = filter;
  const has = task.labels ?? [];
  const failure = task.state === "SUCCEEDED" ? undefined : task.error?.category;
  return (
    (agent === undefined || task.agent === agent) &&
    (states.length === 0 || states.includes(task.state)) &&
    (engine === undefined || task.engine === engine) &&
    (classes.length === 0 || classes.includes(task.class)) &&
    labels.every((label) => has.includes(label)) &&
    (fromMs === undefined || task.created >= fromMs) &&
    (beforeMs === undefined || task.created < beforeMs) &&
    (categories.length === 0 || (failure !== undefined && categories.includes(failure)))
  );
}

/**
 * Whether a task surely matches, without its record. The caller knows that its agent, engine, class and state match,
 * and that it was accepted at `sinceMs` or before. False: only the record can decide.
 */
export function isSurelyMeant({ labels, fromMs, beforeMs, categories }: TaskFilter, sinceMs: number): boolean {
  const rest = labels.length === 0 && categories.length === 0 && fromMs === undefined;
  return rest && (beforeMs === undefined || sinceMs < beforeMs);
}
