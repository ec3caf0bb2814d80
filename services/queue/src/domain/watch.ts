import { taskNotFound } from "./queue.js";
import { isTaskId } from "./shard.js";
import { type LogEntry, logTopic, type TaskStore, type Wakes } from "./store.js";
import { TICK_MS } from "./sync.js";
import { isEnded, type Task } from "./task.js";
import { Faults } from "./validate.js";

const PAGE = 64;

export interface WatchInput {
  readonly id: string;
  readonly agent: string;
  readonly afterSequence: number;
}

/**
 * A task's log after `afterSequence`, as it grows, up to the entry that ends it for good: it goes on after the end of a task
 * that was put back since. Every watcher reads the log itself, at
 * its own pace, so a slow one holds up nobody and one that comes back misses nothing. Also ends when `signal` aborts.
 *
 * Throws TASK_NOT_FOUND, also when the task's retention ends meanwhile, and INVALID_FIELD.
 */
export async function* watchTask(
  { store, wakes }: { store: TaskStore; wakes: Wakes },
  { id, agent, afterSequence }: WatchInput,
  signal: AbortSignal,
): AsyncGenerator<{ readonly entry: LogEntry; readonly task: Task }, void> {
  const faults = new Faults();
  faults.unless(afterSequence >= 0, "after_sequence", "is negative");
  faults.check();
  const find = async (): Promise<Task> => {
    const task = isTaskId(id) ? await store.find(id) : undefined;
    if (task === undefined || task.agent !== agent) throw taskNotFound(id);
    return task;
  };

  let task = await find();
  let last = afterSequence;
  if (last < 1) {
    const content = { kind: "state", state: "QUEUED", note: {} } as const;
    yield { entry: { sequence: 1, timeMs: task.created, attempt: 0, content }, task };
    last = 1;
  }

  // Before the first read: what comes after it wakes us.
  const listener = wakes.listen([logTopic(id)]);
  try {
    while (!signal.aborted) {
      const page = await store.readLog(id, last, PAGE);
      for (const entry of page) {
        if (endsTask(entry)) task = await find();
        yield { entry, task };
        last = entry.sequence;
      }
      const newest = page.at(-1);
      if (newest && !(endsTask(newest) && isEnded(task.state))) continue;
      // Read before the record: an ended task whose log had nothing after `last` has nothing to say.
      if (isEnded(task.state)) return;
      task = await find();
      if (!isEnded(task.state)) await listener.next(TICK_MS, signal);
    }
  } finally {
    listener.close();
  }
}

const endsTask = ({ content }: LogEntry): boolean => content.kind === "state" && isEnded(content.state);
