import type { RunEntry } from "./follow.js";
import { type RunEnded, type RunEvent, type RunUsage, toRunEvent } from "./run-event.js";
import { type Task, toTask } from "./task.js";
import { type TaskEvent, toTaskEvent } from "./task-event.js";

/** The first message of a run, or an entry of its log. */
type RunLogEntry = TaskEvent | { readonly type: "accepted"; readonly task: Task };

/** What `toRunEvents` takes, for the messages of a run. */
export const toRunEntry = (entry: RunEntry): RunLogEntry =>
  "task" in entry ? { type: "accepted", task: toTask(entry.task) } : toTaskEvent(entry);

/**
 * The events of a run, from the entries of a log as `watch` gives them. A result with usage always has a `usage` event
 * before it, also when the log has none: the log of a cached answer has none, nor has one that an executor of release
 * 0.2 wrote.
 */
export async function* toRunEvents(log: AsyncIterable<RunLogEntry>): AsyncGenerator<RunEvent, void> {
  let hasUsage = false;
  for await (const entry of log) {
    if (entry.type === "accepted") {
      yield entry;
      continue;
    }
    const event = toRunEvent(entry);
    if (event?.type === "usage") hasUsage = true;
    if (event?.type === "started") hasUsage = false;
    const missing = event?.type === "ended" && !hasUsage ? usageOf(event, entry.attempt) : undefined;
    if (missing) yield missing;
    if (event) yield event;
  }
}

function usageOf({ sequence, result }: RunEnded, attempt: number): RunUsage | undefined {
  if (result?.usage === undefined && result?.costUsd === undefined) return undefined;
  const { usage, costUsd, turns, model } = result;
  // A watcher that continues after this sequence still gets the end.
  return { type: "usage", sequence: sequence - 1, attempt, turns, toolUses: undefined, usage, costUsd, model };
}
