import { CallError, type Client } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Logger } from "pino";
import type { Answer, LeaseId, QueuePort } from "../domain/queue.js";
import { toOrder, toReceiptMessage } from "./emergency.js";
import { toDuration, toLease, toMs, toTaskError, toTaskEvent, toTaskResult, toUsage } from "./messages.js";

/** The calls that an executor makes. */
export type QueueClient = Pick<
  Client<QueueServiceService>,
  "sync" | "report" | "complete" | "fail" | "release" | "saveConversation" | "loadConversation"
>;

/** On top of what the server may wait. */
const SYNC_MARGIN_MS = 5_000;
/** A result may be large, and the queue slow while it recovers. */
const ENDING_MS = 20_000;

/** In each lease of a queue of the release before, which does not say how long they last. */
const HEARTBEATS = 3;

/** Reasons of a queue that is away for a while; Sync's failure has told of it. */
const AWAY: readonly string[] = ["DEPENDENCY_UNAVAILABLE", "SHUTTING_DOWN", "DEADLINE_EXCEEDED"];

/** QueueService as the domain sees it. */
export function createQueuePort(client: QueueClient, log: Logger): QueuePort {
  /** Turns the errors that repeating cannot mend into words. */
  async function ask(
    { taskId, fence }: LeaseId,
    method: string,
    signal: AbortSignal,
    call: () => Promise<object>,
  ): Promise<Answer> {
    try {
      await call();
      return "ok";
    } catch (err) {
      if (signal.aborted) throw err;
      const { reason } = err instanceof CallError ? err : { reason: "INVALID_FIELD" };
      if (reason === "LEASE_LOST" || reason === "TASK_NOT_FOUND") return "lost";
      const about = { err, task: taskId, fence: String(fence), method };
      // What is no CallError never left: it could not be written as a message.
      if (reason === "CONVERSATION_NOT_FOUND") return "refused";
      if (reason === "INVALID_FIELD" || reason === "MESSAGE_TOO_LARGE") {
        log.error(about, "queue refused a call");
        return "refused";
      }
      if (!AWAY.includes(reason ?? "")) log.warn(about, "queue could not answer a call, which is repeated");
      throw err;
    }
  }

  return {
    async sync(request, signal) {
      const { sequence, leases, engines, maxWaitMs, emergency } = request;
      try {
        const answer = await client.sync(
          {
            ...request,
            sequence: BigInt(sequence),
            leases: [...leases],
            engines: [...engines],
            maxWait: toDuration(maxWaitMs),
            emergency: emergency && toReceiptMessage(emergency),
          },
          { signal, timeoutMs: maxWaitMs + SYNC_MARGIN_MS },
        );
        const nextSyncMs = toMs(answer.nextSync) ?? 0;
        return {
          leases: answer.leases.map(toLease),
          cancellations: answer.cancellations,
          lostTaskIds: answer.lostTaskIds,
          nextSyncMs,
          leaseMs: toMs(answer.leaseLength) ?? HEARTBEATS * nextSyncMs,
          timeMs: answer.time?.getTime(),
          emergency: answer.emergency && toOrder(answer.emergency),
        };
      } catch (err) {
        if (err instanceof CallError && err.reason === "SYNC_STALE") return "stale";
        throw err;
      }
    },

    async report({ taskId, fence }, { sequence, started, events }, signal) {
      const send = (some: typeof events) =>
        ask({ taskId, fence }, "Report", signal, () =>
          client.report(
            { taskId, fence, reportSequence: sequence, started, events: some.map(toTaskEvent) },
            { signal },
          ),
        );
      const answer = await send(events);
      // A queue of release 0.1.0 refuses the whole report for an event that it does not know.
      const known = events.filter(({ type }) => type !== "taken-back");
      return answer === "refused" && known.length < events.length ? send(known) : answer;
    },

    complete: ({ taskId, fence }, engine, result, signal) =>
      ask({ taskId, fence }, "Complete", signal, () =>
        client.complete(
          {
            ...{ taskId, fence, result: toTaskResult(engine, result) },
            ...{ engineConversationId: result.conversationId, transcriptFault: result.transcriptFault ?? "" },
          },
          { signal, timeoutMs: ENDING_MS },
        ),
      ),

    fail: ({ taskId, fence }, { failure, usage, costUsd }, signal) =>
      ask({ taskId, fence }, "Fail", signal, () =>
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
      ask({ taskId, fence }, "Release", signal, () => client.release({ taskId, fence, reason }, { signal })),

    saveConversation: ({ taskId, fence }, transcript, signal) =>
      ask({ taskId, fence }, "SaveConversation", signal, () =>
        client.saveConversation(
          { taskId, fence, transcript: Buffer.from(transcript) },
          { signal, timeoutMs: ENDING_MS },
        ),
      ),

    async loadConversation({ taskId, fence }, signal) {
      let transcript = new Uint8Array();
      const answer = await ask({ taskId, fence }, "LoadConversation", signal, async () => {
        const loaded = await client.loadConversation({ taskId, fence }, { signal, timeoutMs: ENDING_MS });
        transcript = new Uint8Array(loaded.transcript);
        return loaded;
      });
      return answer === "ok" ? transcript : answer;
    },
  };
}
