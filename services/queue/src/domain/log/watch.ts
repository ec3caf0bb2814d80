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
  /** Waits until this watcher may hold this many more bytes in memory. */
  readonly reserve: (bytes: number) => Promise<void>;
}

export interface WatchInput {
  readonly id: string;
  readonly caller: Caller;
  readonly afterSequence: number;
  /** Ends after the last entry that is there, also when the task has not ended. Default: no. */
  readonly untilNow?: boolean;
}

/** An entry, its task at the moment of the read, and the result when it belongs to the entry (see `tellsResult`). */
export interface Watched {
  readonly entry: LogEntry;
  readonly task: Task;
  readonly result?: Uint8Array | undefined;
}

/**
 * Follows the log of a task after `afterSequence`, until the task has ended or `signal` aborts, or with `untilNow` until
 * no entry is left. An end entry that is already followed by a retry does not stop it. Every watcher reads the log by
 * itself, at its own pace. So a slow watcher delays no other, and a watcher that comes back misses nothing.
 *
 * Throws TASK_NOT_FOUND and INVALID_FIELD. TASK_NOT_FOUND also comes when the retention of the task ends during the
 * watch.
 */
export async function* watchTask(
  deps: WatchDeps,
  input: WatchInput,
  signal: AbortSignal,
): AsyncGenerator<Watched, void> {
  const { id, afterSequence } = input;
  const faults = new Faults();
  faults.unless(afterSequence >= 0, "after_sequence", "is negative");
  faults.check();
  if (!isTaskId(id)) throw taskNotFound(id);

  // It listens before the first read, so that every later entry wakes it.
  const listener = deps.wakes.listen([logTopic(id)]);
  try {
    yield* follow(deps, listener, input, signal);
  } finally {
    listener.close();
  }
}

/** The first item has the task, and the first entry when it is known already. Each later item has an entry. */
export interface Run {
  readonly accepted?: FullTask;
  readonly watched?: Watched;
}

/**
 * Yields the task that `accept` returns, then its log from the start, like `watchTask`. `id` is the id of the task when
 * it is new. `runTask` listens to that log before the task exists. So it reads the log of a new task only after a
 * wake-up or a tick.
 *
 * Throws what `accept` and `watchTask` throw.
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
  { id, caller, afterSequence, untilNow = false }: WatchInput,
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
    if (untilNow || isEnded(task.state)) return;
    await listener.next(TICK_MS, signal);
  }
}

/** The first entry. It is not stored in the log: it follows from the record. */
function firstEntry({ created, since }: Task): LogEntry {
  const content =
    since === undefined
      ? ({ kind: "state", state: "QUEUED", note: {} } as const)
      : ({ kind: "state", state: "SCHEDULED", note: { readyMs: since } } as const);
  return { sequence: 1, timeMs: created, attempt: 0, content };
}
