import { CallError, type Client } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { durationMs, toDuration } from "@ccsp/protos/duration.js";
import type { Logger } from "pino";
import {
  type Answer,
  type Ending,
  type FailedAttempt,
  type KeptResult,
  type LeaseId,
  QueueFault,
  type QueuePort,
  type Report,
  type SyncAnswer,
  type SyncRequest,
} from "../domain/queue.js";
import { toOrder, toReceiptMessage } from "./emergency.js";
import { type EndMessage, toEndMessage } from "./ends.js";
import { toLease, toPolicyMessage, toTaskEvent, toWindows } from "./messages.js";

/** The calls that an executor makes. */
export type QueueClient = Pick<
  Client<QueueServiceService>,
  "sync" | "report" | "complete" | "fail" | "release" | "saveConversation" | "loadConversation"
>;

/** Added to the time that the server may wait. */
const SYNC_MARGIN_MS = 5_000;
/** A result may be large, and the queue may be slow while it recovers. */
const ENDING_MS = 20_000;

/** A queue of the previous release does not send the length of its leases. Each lasts this many heartbeats. */
const HEARTBEATS = 3;

/**
 * Reasons that mean that the queue is away for a while. They are not logged here: the failed Sync already reported
 * them.
 */
const AWAY: readonly string[] = ["DEPENDENCY_UNAVAILABLE", "SHUTTING_DOWN", "DEADLINE_EXCEEDED"];

const METHODS = { complete: "Complete", fail: "Fail", release: "Release" } as const;

/** Tells the queue an end that an earlier boot left. Answers and rejects as the calls of `QueuePort` do. */
export type TellEnd = (end: EndMessage, signal: AbortSignal) => Promise<Answer>;

/** Provides QueueService in the form that the domain uses. */
export const createQueuePort = (client: QueueClient, log: Logger): QueuePort & { readonly tell: TellEnd } =>
  new GrpcQueue(client, log);

class GrpcQueue implements QueuePort {
  readonly #client: QueueClient;
  readonly #log: Logger;

  constructor(client: QueueClient, log: Logger) {
    this.#client = client;
    this.#log = log;
  }

  async sync(request: SyncRequest, signal: AbortSignal): Promise<SyncAnswer | "stale"> {
    const { sequence, leases, engines, maxWaitMs, emergency, slotChanges, policy, windows } = request;
    const message = {
      ...request,
      sequence: BigInt(sequence),
      leases: [...leases],
      engines: [...engines],
      maxWait: toDuration(maxWaitMs),
      emergency: emergency && toReceiptMessage(emergency),
      policy: policy && toPolicyMessage(policy),
      windows: windows.map(({ windows: said, ...login }) => ({ ...login, windows: toWindows(said) })),
      slotChanges: slotChanges.map(({ engine, change: { timeMs, ...change } }) => ({
        engine,
        ...change,
        time: new Date(timeMs),
      })),
    };
    try {
      const answer = await this.#client.sync(message, { signal, timeoutMs: maxWaitMs + SYNC_MARGIN_MS });
      const nextSyncMs = durationMs(answer.nextSync);
      return {
        leases: answer.leases.map(toLease),
        cancellations: answer.cancellations,
        lostTaskIds: answer.lostTaskIds,
        runHolds: answer.runHolds,
        nextSyncMs,
        leaseMs: durationMs(answer.leaseLength) || HEARTBEATS * nextSyncMs,
        timeMs: answer.time?.getTime(),
        emergency: answer.emergency && toOrder(answer.emergency),
        backlog: answer.backlog.map(({ engine, waiting, oldestAge }) => ({
          engine,
          waiting: Number(waiting),
          oldestAgeMs: durationMs(oldestAge),
        })),
      };
    } catch (err) {
      if (err instanceof CallError && err.reason === "SYNC_STALE") return "stale";
      throw err;
    }
  }

  async report(lease: LeaseId, { sequence, started, events }: Report, signal: AbortSignal): Promise<Answer> {
    const { taskId, fence } = lease;
    const send = (some: typeof events) =>
      this.#ask(lease, "Report", signal, async () => {
        const message = { taskId, fence, reportSequence: sequence, started, events: some.map(toTaskEvent) };
        return this.#client.report(message, { signal });
      });
    const answer = await send(events);
    // A queue of release 0.1.0 refuses the whole report if it does not know one event.
    const known = events.filter(({ type }) => type !== "taken-back");
    return answer === "refused" && known.length < events.length ? send(known) : answer;
  }

  complete(lease: LeaseId, engine: string, result: KeptResult, signal: AbortSignal): Promise<Answer> {
    return this.#end(lease, { how: "complete", engine, result }, signal);
  }

  fail(lease: LeaseId, failed: FailedAttempt, signal: AbortSignal): Promise<Answer> {
    return this.#end(lease, { how: "fail", failed }, signal);
  }

  release(lease: LeaseId, reason: string, signal: AbortSignal): Promise<Answer> {
    return this.#end(lease, { how: "release", reason }, signal);
  }

  #end(lease: LeaseId, ending: Ending, signal: AbortSignal): Promise<Answer> {
    return this.#ask(lease, METHODS[ending.how], signal, async () => this.#send(toEndMessage(lease, ending), signal));
  }

  tell(end: EndMessage, signal: AbortSignal): Promise<Answer> {
    return this.#ask(end.message, METHODS[end.how], signal, () => this.#send(end, signal));
  }

  async #send(end: EndMessage, signal: AbortSignal): Promise<object> {
    if (end.how === "complete") return await this.#client.complete(end.message, { signal, timeoutMs: ENDING_MS });
    if (end.how === "fail") return await this.#client.fail(end.message, { signal, timeoutMs: ENDING_MS });
    return await this.#client.release(end.message, { signal });
  }

  saveConversation(lease: LeaseId, transcript: Uint8Array, signal: AbortSignal): Promise<Answer> {
    const { taskId, fence } = lease;
    const message = { taskId, fence, transcript: Buffer.from(transcript) };
    return this.#ask(lease, "SaveConversation", signal, () =>
      this.#client.saveConversation(message, { signal, timeoutMs: ENDING_MS }),
    );
  }

  async loadConversation(lease: LeaseId, signal: AbortSignal): Promise<Uint8Array | Exclude<Answer, "ok">> {
    const { taskId, fence } = lease;
    let transcript = new Uint8Array();
    const answer = await this.#ask(lease, "LoadConversation", signal, async () => {
      const loaded = await this.#client.loadConversation({ taskId, fence }, { signal, timeoutMs: ENDING_MS });
      transcript = new Uint8Array(loaded.transcript);
      return loaded;
    });
    return answer === "ok" ? transcript : answer;
  }

  /** Returns an answer for errors that a retry cannot repair. Throws for all others. */
  async #ask(
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
      // An error that is not a CallError means that the call was never sent: the request could not be encoded as a
      // message.
      if (reason === "CONVERSATION_NOT_FOUND") return "refused";
      if (reason === "INVALID_FIELD" || reason === "MESSAGE_TOO_LARGE") {
        this.#log.error(about, "queue refused a call");
        return "refused";
      }
      if (!AWAY.includes(reason ?? "")) this.#log.warn(about, "queue could not answer a call; it is tried again");
      if (reason === "INTERNAL") throw new QueueFault(`the queue failed in ${method}`, { cause: err });
      throw err;
    }
  }
}
