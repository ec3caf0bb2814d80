import { backoffMs } from "@ccsp/timing";
import type { Logger } from "pino";
import type { Clock } from "./clock.js";
import { isNews } from "./emergency.js";
import { QUEUE_AWAY } from "./persist.js";
import type { EngineOffer, LeaseId, QueuePort, SyncAnswer, SyncRequest, ToldPolicy } from "./queue.js";

/** The executor's current state, which each call sends to the queue. */
export type SyncState = Omit<SyncRequest, "sequence" | "maxWaitMs" | "policy">;

export interface SyncLoopDeps {
  readonly queue: Pick<QueuePort, "sync">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly state: () => SyncState;
  /** What each call reports of the policy. Absent: nothing. */
  readonly policy?: (() => ToldPolicy | undefined) | undefined;
  /** Whether the lease has an attempt here. */
  readonly holds: (id: LeaseId) => boolean;
  /** Takes the answer to a call that was sent at `sentAt`. */
  readonly apply: (answer: SyncAnswer, sent: SyncRequest, sentAt: number) => void;
}

/** An idle Sync waits at the queue for at most this long. */
const MAX_WAIT_MS = 10_000;
/** Pause between two Syncs if the second would get the same answer. */
const PAUSE_MS = 1_000;
/** Minimum pause between two Syncs if the queue answered early and had no work. */
const SHORT_PAUSE_MS = 50;
/** If the last answered Sync is older, the queue counts as away. */
const SYNC_TOO_OLD_MS = 30_000;

const REPLACED = "another process calls the queue under the id of this executor, which gets no tasks meanwhile";

/** Calls Sync in a loop: sends the executor's state to the queue and applies the answers. */
export class SyncLoop {
  /** Resolves when the queue has answered for the first time. */
  readonly known: Promise<void>;
  readonly #deps: SyncLoopDeps;
  #becomeKnown = (): void => {};
  #sequence = 0;
  #finished = false;
  #answeredAt: number | undefined;
  #nextSyncMs = 0;
  #failures = 0;
  /** Another process calls under the id of this executor. */
  #replaced = false;
  /** Ends the idle call or pause in progress, because the state that the call sent has changed. */
  #idle = new AbortController();
  /** The slots that the newest call offered. */
  #offered: readonly EngineOffer[] = [];

  constructor(deps: SyncLoopDeps) {
    this.#deps = deps;
    this.known = new Promise((resolve) => {
      this.#becomeKnown = resolve;
    });
  }

  /** Resolves after `finish`. */
  async run(): Promise<void> {
    do await this.#sync();
    while (!this.#finished);
  }

  /** The state that the newest call sent has changed. Another call is sent immediately. */
  renew(): void {
    this.#idle.abort();
  }

  /**
   * A call that offers a free slot is answered as soon as there is work for it. Only a call that offers none must be
   * sent again.
   */
  slotIsFree(engine: string): void {
    if (!this.#offered.some((offer) => offer.engine === engine && offer.freeSlots > 0)) this.renew();
  }

  finish(): void {
    this.#finished = true;
    this.renew();
  }

  /** The last Sync: it lists no lease and does not wait. Rejects if the queue does not answer it. */
  async sayGoodbye(signal: AbortSignal): Promise<void> {
    await this.#deps.queue.sync({ ...this.#next(0), leases: [] }, signal);
  }

  /** Throws an error with the reason if the queue has not answered lately. */
  check(): void {
    if (this.#replaced) throw new Error(REPLACED);
    if (this.#answeredAt === undefined) throw new Error("the queue has not answered yet");
    const ageMs = Math.round(this.#deps.clock.now() - this.#answeredAt);
    if (ageMs > SYNC_TOO_OLD_MS) throw new Error(`the queue last answered ${ageMs} ms ago`);
  }

  /**
   * Resolves to true when the queue has answered no Sync for `ms`. The time counts from this call at the earliest.
   * Resolves to false when `signal` aborts.
   */
  async unanswered(ms: number, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#deps;
    const from = clock.now();
    while (!signal.aborted) {
      const leftMs = Math.max(from, this.#answeredAt ?? from) + ms - clock.now();
      if (leftMs <= 0) return true;
      await clock.wait(leftMs, signal);
    }
    return false;
  }

  async #sync(): Promise<void> {
    const { queue, clock, apply } = this.#deps;
    const sentAt = clock.now();
    this.#idle = new AbortController();
    const { signal } = this.#idle;
    // The first call after a failure does not wait. So the executor soon knows whether the queue is back.
    const known = this.#answeredAt !== undefined && this.#failures === 0;
    const next = this.#next(known ? Math.min(MAX_WAIT_MS, this.#nextSyncMs) : 0);
    const request = { ...next, policy: this.#deps.policy?.() };
    this.#offered = request.engines;
    let answer: SyncAnswer | "stale";
    try {
      answer = await queue.sync(request, signal);
    } catch (err) {
      if (signal.aborted) return;
      this.#failed(err);
      return await clock.wait(backoffMs(this.#failures, QUEUE_AWAY), signal);
    }
    if (answer === "stale") {
      this.#isReplaced();
      return await clock.wait(backoffMs(1, QUEUE_AWAY), signal);
    }
    this.#answered(answer);
    apply(answer, request, sentAt);
    const pauseMs = this.#pauseMs(request, answer, sentAt);
    if (pauseMs !== undefined) await clock.wait(Math.min(pauseMs, this.#nextSyncMs), signal);
  }

  /** The next call, with the current state. */
  #next(maxWaitMs: number): SyncRequest {
    return { ...this.#deps.state(), sequence: ++this.#sequence, maxWaitMs };
  }

  #failed(err: unknown): void {
    const { log } = this.#deps;
    this.#failures++;
    if (this.#failures > 1) return;
    // Before the first answer this is normal: services start in any order. Later, runs continue while the queue is
    // away, and each ends with its own lease.
    if (this.#answeredAt !== undefined) log.warn({ err }, "queue does not answer");
    else log.info({ err }, "waits for the queue");
  }

  /** A newest call is refused only when another process called under the same id. */
  #isReplaced(): void {
    const { log } = this.#deps;
    if (!this.#replaced) log.error(`${REPLACED}: give each executor an id of its own (CCSP_EXECUTOR_ID)`);
    this.#replaced = true;
  }

  #answered({ nextSyncMs }: SyncAnswer): void {
    const { clock, log } = this.#deps;
    if (this.#failures > 0) log.info("queue answers again");
    if (this.#replaced) log.info("no other process calls under the id of this executor now");
    this.#failures = 0;
    this.#replaced = false;
    this.#answeredAt = clock.now();
    this.#nextSyncMs = nextSyncMs;
    this.#becomeKnown();
  }

  /**
   * The pause before the next call; undefined: none. A queue that answers early and has no work repeats the runs to end
   * until they have ended. It also does not wait for an executor without a free slot.
   */
  #pauseMs(request: SyncRequest, answer: SyncAnswer, sentAt: number): number | undefined {
    const { clock, holds, state } = this.#deps;
    const { emergency } = state();
    const waited = clock.now() - sentAt >= request.maxWaitMs;
    if (answer.leases.length > 0 || isNews(emergency, request.emergency) || waited) return undefined;
    const full = this.#offered.every(({ freeSlots }) => freeSlots === 0);
    const ending = (emergency?.remaining ?? 0) > 0 || answer.cancellations.some(holds);
    return full || ending ? PAUSE_MS : SHORT_PAUSE_MS;
  }
}
