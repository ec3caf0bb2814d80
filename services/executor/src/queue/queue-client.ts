import { CallError, type Client } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Logger } from "pino";
import type { Answer, LeaseId, QueuePort } from "../domain/queue.js";
import { toDuration, toLease, toMs, toTaskError, toTaskEvent, toTaskResult, toUsage } from "./messages.js";

/** The calls that an executor makes. */
export type QueueClient = Pick<Client<QueueServiceService>, "sync" | "report" | "complete" | "fail" | "release">;

/** On top of what the server may wait. */
const SYNC_MARGIN_MS = 5_000;
/** A result may be large, and the queue slow while it recovers. */
const ENDING_MS = 20_000;

/** QueueService as the domain sees it. */
export function createQueuePort(client: QueueClient, log: Logger): QueuePort {
  /** Turns the errors that repeating cannot mend into words. */
  async function ask({ taskId, fence }: LeaseId, method: string, call: Promise<object>): Promise<Answer> {
    try {
      await call;
      return "ok";
    } catch (err) {
      if (!(err instanceof CallError)) throw err;
      if (err.reason === "LEASE_LOST" || err.reason === "TASK_NOT_FOUND") return "lost";
      if (err.reason === "INVALID_FIELD" || err.reason === "MESSAGE_TOO_LARGE") {
        log.error({ err, task: taskId, fence: String(fence), method }, "queue refused a call");
        return "refused";
      }
      throw err;
    }
  }

  return {
    async sync(request, signal) {
      const { sequence, leases, engines, maxWaitMs } = request;
      try {
        const answer = await client.sync(
          {
            ...request,
            sequence: BigInt(sequence),
            leases: [...leases],
            engines: [...engines],
            maxWait: toDuration(maxWaitMs),
          },
          { signal, timeoutMs: maxWaitMs + SYNC_MARGIN_MS },
        );
        return {
          leases: answer.leases.map(toLease),
          cancellations: answer.cancellations,
          lostTaskIds: answer.lostTaskIds,
          nextSyncMs: toMs(answer.nextSync) ?? 0,
        };
      } catch (err) {
        if (err instanceof CallError && err.reason === "SYNC_STALE") return "stale";
        throw err;
      }
    },

    report: ({ taskId, fence }, { sequence, started, events }, signal) =>
      ask(
        { taskId, fence },
        "Report",
        client.report(
          { taskId, fence, reportSequence: sequence, started, events: events.map(toTaskEvent) },
          { signal },
        ),
      ),

    complete: ({ taskId, fence }, engine, result, signal) =>
      ask(
        { taskId, fence },
        "Complete",
        client.complete({ taskId, fence, result: toTaskResult(engine, result) }, { signal, timeoutMs: ENDING_MS }),
      ),

    fail: ({ taskId, fence }, { failure, usage, costUsd }, signal) =>
      ask(
        { taskId, fence },
        "Fail",
        client.fail(
          {
            taskId,
            fence,
            error: toTaskError(failure),
            usage: toUsage(usage),
            ...(costUsd !== undefined && { costUsd }),
          },
          { signal, timeoutMs: ENDING_MS },
        ),
      ),

    release: ({ taskId, fence }, reason, signal) =>
      ask({ taskId, fence }, "Release", client.release({ taskId, fence, reason }, { signal })),
  };
}
