import { backoffMs } from "@ccsp/timing";
import type { Logger } from "pino";
import type { Clock } from "./clock.js";
import { isNews } from "./emergency.js";
import { QUEUE_AWAY } from "./persist.js";
import type { EngineOffer, LeaseId, QueuePort, SyncAnswer, SyncRequest } from "./queue.js";

/** What a call tells the queue, as it is now. */
export type SyncState = Pick<SyncRequest, "executorId" | "bootId" | "leases" | "engines" | "draining" | "emergency">;

export interface SyncLoopDeps {
  readonly queue: Pick<QueuePort, "sync">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly state: () => SyncState;
  /** The lease has an attempt here. */
  readonly holds: (id: LeaseId) => boolean;
  /** An answer to a call that was sent at `sentAt` and had `leases` in its list. */
  readonly apply: (answer: SyncAnswer, leases: readonly LeaseId[], sentAt: number) => void;
}

/** An idle Sync waits at the queue for at most this long. */
const MAX_WAIT_MS = 10_000;
/** Between two Syncs, when the second would be answered like the first. */
const PAUSE_MS = 1_000;
/** Between two Syncs in any case, when the queue answered early and had no work. */
const SHORT_PAUSE_MS = 50;
/** Older than this, the last answered Sync counts as none. */
const SYNC_TOO_OLD_MS = 30_000;

/** Calls Sync again and again: tells the queue what is here, and hears what it wants. */
export class SyncLoop {
  readonly #deps: SyncLoopDeps;
  #sequence = 0;
  #finished = false;
  #answeredAt: number | undefined;
  #nextSyncMs = 0;
  #failures = 0;
  /** Ends the idle call or pause under way, because what it told the queue is no longer so. */
  #idle = new AbortController();
  /** What the newest call offered. */
  #offered: readonly EngineOffer[] = [];

  constructor(deps: SyncLoopDeps) {
    this.#deps = deps;
  }

  /** Resolves after `finish`. */
  async run(): Promise<void> {
    do await this.#sync();
    while (!this.#finished);
  }

  /** What the newest call told is no longer so: another one goes now. */
  renew(): void {
    this.#idle.abort();
  }

  /** A call that offers a free slot is answered as soon as there is work for it; only one that offers none has to go again. */
  slotIsFree(engine: string): void {
    if (!this.#offered.some((offer) => offer.engine === engine && offer.freeSlots > 0)) this.renew();
  }

  finish(): void {
    this.#finished = true;
    this.renew();
  }

  /** The last call, which has no lease and waits for nothing. Rejects when it was not answered. */
  async sayGoodbye(signal: AbortSignal): Promise<void> {
    await this.#deps.queue.sync({ ...this.#next(0), leases: [] }, signal);
  }

  /** Throws with the reason when the queue did not answer lately. */
  check(): void {
    if (this.#answeredAt === undefined) throw new Error("the queue has not answered yet");
    const ageMs = Math.round(this.#deps.clock.now() - this.#answeredAt);
    if (ageMs > SYNC_TOO_OLD_MS) throw new Error(`the queue last answered ${ageMs} ms ago`);
  }

  async #sync(): Promise<void> {
    const { queue, clock, apply } = this.#deps;
    const sentAt = clock.now();
    this.#idle = new AbortController();
    const { signal } = this.#idle;
    // After a failure the first call does not wait, so that it is soon known whether the queue is back.
    const known = this.#answeredAt !== undefined && this.#failures === 0;
    const request = this.#next(known ? Math.min(MAX_WAIT_MS, this.#nextSyncMs) : 0);
    this.#offered = request.engines;
    let answer: SyncAnswer | "stale";
    try {
      answer = await queue.sync(request, signal);
    } catch (err) {
      if (signal.aborted) return;
      this.#failed(err);
      return await clock.wait(backoffMs(this.#failures, QUEUE_AWAY), signal);
    }
    if (answer === "stale") return await clock.wait(backoffMs(1, QUEUE_AWAY), signal);
    this.#answered(answer);
    apply(answer, request.leases, sentAt);
    const pauseMs = this.#pauseMs(request, answer, sentAt);
    if (pauseMs !== undefined) await clock.wait(Math.min(pauseMs, this.#nextSyncMs), signal);
  }

  /** The next call, with all that holds now. */
  #next(maxWaitMs: number): SyncRequest {
    return { ...this.#deps.state(), sequence: ++this.#sequence, maxWaitMs };
  }

  #failed(err: unknown): void {
    const { log } = this.#deps;
    this.#failures++;
    if (this.#failures > 1) return;
    // Services start in any order. Later, runs go on while the queue is away; each ends with its own lease.
    if (this.#answeredAt !== undefined) log.warn({ err }, "queue does not answer");
    else log.info({ why: err instanceof Error ? err.message : String(err) }, "waits for the queue");
  }

  #answered({ nextSyncMs }: SyncAnswer): void {
    const { clock, log } = this.#deps;
    if (this.#failures > 0) log.info("queue answers again");
    this.#failures = 0;
    this.#answeredAt = clock.now();
    this.#nextSyncMs = nextSyncMs;
  }

  /**
   * Before the next call; undefined: none. A queue that answers early and has no work says again what is to be ended until that is done, and
   * does not wait for an executor that is full.
   */
  #pauseMs(told: SyncRequest, answer: SyncAnswer, sentAt: number): number | undefined {
    const { clock, holds, state } = this.#deps;
    const { emergency } = state();
    const waited = clock.now() - sentAt >= told.maxWaitMs;
    if (answer.leases.length > 0 || isNews(emergency, told.emergency) || waited) return undefined;
    const full = this.#offered.every(({ freeSlots }) => freeSlots === 0);
    const ending = (emergency?.remaining ?? 0) > 0 || answer.cancellations.some(holds);
    return full || ending ? PAUSE_MS : SHORT_PAUSE_MS;
  }
}
