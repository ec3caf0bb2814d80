import type { TaskResult } from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs } from "@ccsp/protos/duration.js";
import type { RunTimeStore } from "../domain/explain/situation-store.js";
import type { Task } from "../domain/task/task.js";
import { loadSpec } from "../messages/task-message.js";

/**
 * At most ten runs of an engine are remembered per second. This is enough to learn from, and costs little beside the
 * run itself.
 */
const LEARN_EVERY_MS = 100;

/**
 * Learns from each run that succeeded. It does not delay the caller and never throws: a lost sample does not matter.
 */
export type RunLearner = (task: Task, result: TaskResult) => void;

export function createRunLearner(store: RunTimeStore, nowMs: () => number): RunLearner {
  const next = new Map<string, number>();
  const remember = async (task: Task, ms: number): Promise<void> =>
    store.rememberRun(task, { ms, model: loadSpec(task, undefined).model });
  return (task, { runTime }) => {
    const ms = durationMs(runTime);
    if (ms <= 0 || nowMs() < (next.get(task.engine) ?? 0)) return;
    next.set(task.engine, nowMs() + LEARN_EVERY_MS);
    remember(task, ms).catch(() => undefined);
  };
}
