import type { TaskResult } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { RunTimeStore } from "../domain/explain/situation-store.js";
import type { Task } from "../domain/task/task.js";
import { durationMs } from "../messages/duration.js";
import { loadSpec } from "../messages/task-message.js";

/** At most ten runs a second are remembered of an engine: enough to know, and nothing beside what a run costs the queue. */
const LEARN_EVERY_MS = 100;

/** Hears of each run that succeeded. Makes nobody wait and never throws: what is not learned now is learned from the next. */
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
