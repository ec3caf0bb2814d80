import { Faults } from "../fields/faults.js";
import { asAgent, type Caller, maySee } from "../task/caller.js";
import { taskNotFound } from "../task/not-found.js";
import { isTaskId } from "../task/shard.js";
import { isEnded, type Task } from "../task/task.js";
import type { FullTask, TaskContents } from "../task/task-store.js";
import { type Listener, logTopic, TICK_MS, type Wakes } from "../wakes/wakes.js";
import { type LogEntry, type LogStore, tellsResult } from "./log-store.js";

const PAGE = 64;

export interface WatchDeps {
  readonly store: LogStore & TaskContents;
  readonly wakes: Wakes;
  /** Waits until so many bytes more may be held for this watcher. */
  readonly reserve: (bytes: number) => Promise<void>;
}

export interface WatchInput {
  readonly id: string;
  readonly caller: Caller;
  readonly afterSequence: number;
}

/** An entry with its task as it was when it was read; the result is the one that the entry tells of. */
export interface Watched {
  readonly entry: LogEntry;
  readonly task: Task;
  readonly result?: Uint8Array | undefined;
}

/**
 * A task's log after `afterSequence`, as it grows, up to the entry that ends it for good: it goes on after the end of a task
 * that was put back since. Every watcher reads the log itself, at
 * its own pace, so a slow one holds up nobody and one that comes back misses nothing. Also ends when `signal` aborts.
 *
 * Throws TASK_NOT_FOUND, also when the task's retention ends meanwhile, and INVALID_FIELD.
 */
export async function* watchTask(
  deps: WatchDeps,
  { id, caller, afterSequence }: WatchInput,
  signal: AbortSignal,
): AsyncGenerator<Watched, void> {
  const faults = new Faults();
  faults.unless(afterSequence >= 0, "after_sequence", "is negative");
  faults.check();
  if (!isTaskId(id)) throw taskNotFound(id);

  // Before the first read: what comes after it wakes us.
  const listener = deps.wakes.listen([logTopic(id)]);
  try {
    yield* follow(deps, listener, { id, caller, afterSequence }, signal);
  } finally {
    listener.close();
  }
}

/** The task first, with the first entry where that is known already; then entries. */
export interface Run {
  readonly accepted?: FullTask;
  readonly watched?: Watched;
}

/**
 * The task that `accept` brings, then its log from the start as `watchTask` has it. `id` is the one that it gets if it is new: its log
 * is listened to before it is there, and need not be read before something wakes us.
 *
 * Throws what `accept` throws, then what `watchTask` does.
 */
export async function* runTask(
  deps: WatchDeps,
  { id, accept }: { readonly id: string; readonly accept: () => Promise<FullTask> },
  signal: AbortSignal,
): AsyncGenerator<Run, void> {
  const listener = deps.wakes.listen([logTopic(id)]);
  try {
    const accepted = await accept();
    const { task } = accepted;
    const from = { id: task.id, caller: asAgent(task.agent), afterSequence: 0 };
    if (task.id !== id || (task.state !== "QUEUED" && task.state !== "SCHEDULED")) {
      yield { accepted };
      for await (const watched of watchTask(deps, from, signal)) yield { watched };
      return;
    }
    yield { accepted, watched: { entry: firstEntry(task), task } };
    await listener.next(TICK_MS, signal);
    for await (const watched of follow(deps, listener, { ...from, afterSequence: 1 }, signal)) yield { watched };
  } finally {
    listener.close();
  }
}

async function* follow(
  { store, reserve }: Pick<WatchDeps, "store" | "reserve">,
  listener: Listener,
  { id, caller, afterSequence }: WatchInput,
  signal: AbortSignal,
): AsyncGenerator<Watched, void> {
  let last = afterSequence;
  const largeResult = async (task: Task): Promise<Uint8Array | undefined> => {
    if (task.chunks === undefined) return undefined;
    await reserve(task.resultBytes ?? 0);
    return store.findResult(task);
  };
  while (!signal.aborted) {
    const page = await store.readLog(id, Math.max(last, 1), PAGE);
    if (page === undefined || !maySee(caller, page.task)) throw taskNotFound(id);
    const { task, entries, more } = page;
    let { result } = page;
    if (last < 1) yield { entry: firstEntry(task), task };
    last = Math.max(last, 1);
    for (const entry of entries) {
      if (!tellsResult(entry)) yield { entry, task };
      else yield { entry, task, result: (result ??= await largeResult(task)) };
      last = entry.sequence;
    }
    if (more) continue;
    if (isEnded(task.state)) return;
    await listener.next(TICK_MS, signal);
  }
}

/** In no log: the record says it. */
function firstEntry({ created, since }: Task): LogEntry {
  const content =
    since === undefined
      ? ({ kind: "state", state: "QUEUED", note: {} } as const)
      : ({ kind: "state", state: "SCHEDULED", note: { readyMs: since } } as const);
  return { sequence: 1, timeMs: created, attempt: 0, content };
}
