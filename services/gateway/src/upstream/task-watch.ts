import { CallError, type Client, sizeOf, type Unread } from "@ccsp/grpc-kit";
import type { RunTaskResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { RunRequest, RunResponse } from "@ccsp/protos/ccsp/queue/v1/submission.js";
import type { TaskEvent } from "@ccsp/protos/ccsp/task/v1/task.js";
import { backoffMs, pause } from "@ccsp/timing";
import { status } from "@grpc/grpc-js";

export type QueueClient = Client<QueueServiceService>;

export interface WatchPosition {
  readonly taskId: string;
  readonly agentId: string;
  readonly afterSequence: number;
  /** The log ends after the last entry that is there, also when the task has not ended. Default: no. */
  readonly untilNow?: boolean;
  /** The operator for whose bound the queue counts what is unread. Default: the agent. */
  readonly reader?: string;
}

/** The messages that an agent gets of a run, one after the other. */
export type RunMessage = NonNullable<RunTaskResponse["message"]>;

interface WatchContext {
  readonly signal: AbortSignal;
  readonly deadline: Date | undefined;
  readonly unread: Pick<Unread, "reserve" | "tryReserve">;
}

export interface ResumePolicy {
  /** How long a watch may fail to reach a replica before the agent gets the error, in ms. */
  readonly giveUpMs: number;
  /** Returns milliseconds of any clock. For tests. */
  readonly now?: () => number;
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  /**
   * Returns a number from 0 to 1. It spreads the retries, so that the watchers of one replica do not all come back at
   * the same moment.
   */
  readonly random?: () => number;
}

/** The back-off before a broken stream is requested again. */
const RETURNING = { firstMs: 50, longestMs: 2_000 };

/**
 * Streams the log of a task. If the streaming replica of the queue stops or dies, the stream continues at another
 * replica: the agent sees one stream without a gap or a repeat. Throws the last CallError if no replica could be
 * reached for `giveUpMs`. Throws every other error immediately. It also throws immediately if no replica can be reached
 * at the start, because another gateway may reach one.
 */
export function watchTask(
  queue: Pick<QueueClient, "watch">,
  from: WatchPosition,
  context: WatchContext,
  policy: ResumePolicy,
): AsyncGenerator<TaskEvent, void> {
  return follow(queue, from, context, { ...policy, begun: false });
}

/** `begun` means that the stream has already received something from the queue. */
async function* follow(
  queue: Pick<QueueClient, "watch">,
  { afterSequence, ...watched }: WatchPosition,
  { signal, deadline, unread }: WatchContext,
  {
    giveUpMs,
    now = () => performance.now(),
    wait = pause,
    random = Math.random,
    ...from
  }: ResumePolicy & { readonly begun: boolean },
): AsyncGenerator<TaskEvent, void> {
  let { begun } = from;
  let failures = 0;
  let brokenSince = now();
  const place = {
    last: afterSequence,
    heard() {
      failures = 0;
      begun = true;
    },
  };
  for (;;) {
    let postponed: number | undefined;
    try {
      const rest = queue.watch({ ...watched, afterSequence: place.last }, { signal, deadline });
      postponed = yield* eventsThatFit(rest, place, unread);
      if (postponed === undefined) return;
    } catch (error) {
      if (failures === 0) brokenSince = now();
      failures += 1;
      if (!begun || !isBrokenOff(error, signal) || now() - brokenSince >= giveUpMs) throw error;
    }
    if (postponed !== undefined) await unread.reserve(postponed);
    else await wait(backoffMs(failures, { ...RETURNING, random }), signal);
  }
}

/** Where the stream of an agent is in the log of its task. */
interface Place {
  /** The sequence of the last event that was passed on. */
  last: number;
  /** Called for each response of the queue. */
  heard(): void;
}

/**
 * Passes on the events after `place`. The gateway does not hold an event that exceeds the agent's unread-bytes limit:
 * the generator leaves the stream then, and returns the bytes of that event, which is requested again when it fits.
 *
 * It is a generator of its own, because a suspended generator keeps alive what its variables last had, also those that
 * are out of scope. If its caller had the loop, each stream that waits for room would hold the event that has no room.
 */
async function* eventsThatFit(
  responses: AsyncIterable<{ readonly event: TaskEvent | undefined }>,
  place: Place,
  unread: WatchContext["unread"],
): AsyncGenerator<TaskEvent, number | undefined> {
  for await (const response of responses) {
    const { event } = response;
    place.heard();
    if (!event || event.sequence <= place.last) continue;
    if (!unread.tryReserve(sizeOf(response))) return sizeOf(response);
    place.last = event.sequence;
    yield event;
  }
  return undefined;
}

/**
 * Enqueues a task and streams its log. Without failures this is one call of the queue. The task comes first, then its
 * log as in `watchTask`. Until the task is there, the call behaves as Enqueue does: its channel repeats it, and it
 * throws the same errors.
 */
export async function* runInQueue(
  queue: Pick<QueueClient, "run" | "watch">,
  request: RunRequest,
  context: WatchContext,
  policy: ResumePolicy,
): AsyncGenerator<RunMessage, void> {
  const { signal, deadline, unread } = context;
  const { wait = pause, random = Math.random } = policy;
  const place: RunPlace = { taskId: undefined, last: 0 };
  let postponed: number | undefined;
  try {
    postponed = yield* runThatFits(queue.run(request, { signal, deadline, answersFirst: true }), place, unread);
    if (place.taskId === undefined) throw new Error("the queue answered Run without a task");
    if (postponed === undefined) return;
  } catch (error) {
    if (place.taskId === undefined || !isBrokenOff(error, signal)) throw error;
  }
  if (postponed !== undefined) await unread.reserve(postponed);
  else await wait(backoffMs(1, { ...RETURNING, random }), signal);
  const from = { taskId: place.taskId, agentId: request.agentId, afterSequence: place.last };
  const rest = follow(queue, from, context, { ...policy, begun: true });
  for await (const value of rest) yield { $case: "event", value };
}

interface RunPlace {
  taskId: string | undefined;
  last: number;
}

/** The same for a run: its task, then its events. Reads the id of the task into `place`. */
async function* runThatFits(
  responses: AsyncIterable<RunResponse>,
  place: RunPlace,
  unread: WatchContext["unread"],
): AsyncGenerator<RunMessage, number | undefined> {
  for await (const response of responses) {
    const { task, event } = response;
    if (task) {
      place.taskId = task.id;
      yield { $case: "task", value: task };
    }
    if (!event) continue;
    if (!unread.tryReserve(sizeOf(response))) return sizeOf(response);
    place.last = event.sequence;
    yield { $case: "event", value: event };
  }
  return undefined;
}

/** Whether another replica can continue the stream. */
function isBrokenOff(error: unknown, signal: AbortSignal): boolean {
  return !signal.aborted && error instanceof CallError && error.code === status.UNAVAILABLE;
}
