import { setTimeout as delay } from "node:timers/promises";
import { type CallContext, CallError, type Client } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { TaskEvent } from "@ccsp/protos/ccsp/task/v1/task.js";
import { status } from "@grpc/grpc-js";

export type QueueClient = Client<QueueServiceService>;

export interface WatchPosition {
  readonly taskId: string;
  readonly agentId: string;
  readonly afterSequence: number;
}

export interface ResumePolicy {
  /** How long a watch may go without reaching a replica before the agent is told. */
  readonly giveUpMs: number;
  /** Milliseconds on any clock; for tests. */
  readonly now?: () => number;
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2_000;

/**
 * Streams a task's log and goes on at another replica of the queue when the one that streams stops or dies: the agent sees
 * one stream without a gap or a repeat. Throws the last CallError when no replica could be reached for `giveUpMs`, and
 * every other error at once.
 */
export async function* watchQueue(
  queue: Pick<QueueClient, "watch">,
  { taskId, agentId, afterSequence }: WatchPosition,
  context: Pick<CallContext, "signal" | "deadline">,
  { giveUpMs, now = () => performance.now(), wait = pause }: ResumePolicy,
): AsyncGenerator<TaskEvent, void> {
  let last = afterSequence;
  let failures = 0;
  let brokenSince = now();
  for (;;) {
    try {
      const { signal, deadline } = context;
      for await (const { event } of queue.watch({ taskId, agentId, afterSequence: last }, { signal, deadline })) {
        failures = 0;
        if (!event || event.sequence <= last) continue;
        last = event.sequence;
        yield event;
      }
      return;
    } catch (error) {
      if (failures === 0) brokenSince = now();
      failures += 1;
      const over = now() - brokenSince >= giveUpMs;
      if (context.signal.aborted || over || !(error instanceof CallError) || error.code !== status.UNAVAILABLE)
        throw error;
    }
    await wait(Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS), context.signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // Half of it at random, so that the watchers of one replica do not come back in one instant.
  await delay(ms / 2 + (Math.random() * ms) / 2, undefined, { signal });
}
