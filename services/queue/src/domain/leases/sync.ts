import { EMERGENCY_TOPIC, type Emergency, type EmergencyReceipt, endsRuns } from "../emergency/emergency.js";
import type { EmergencyStore } from "../emergency/emergency-store.js";
import type { QueueObserver } from "../lifecycle/observer.js";
import type { Queue } from "../lifecycle/queue.js";
import type { Order } from "../order/order.js";
import { TICK_MS } from "../wakes/wakes.js";
import { createClaim } from "./claim.js";
import type { Grant, LeaseStore, SyncFindings, SyncMark } from "./lease-store.js";
import { createStateCheck, type Presence } from "./state-check.js";
import type { WaitingExecutors } from "./waiting-executors.js";

export interface SyncInput extends Presence {
  readonly maxWaitMs: number;
  /** What it ended for an emergency stop. Absent: it knows of no stop that ends runs. */
  readonly emergency?: EmergencyReceipt;
}

export interface SyncAnswer {
  readonly grants: readonly Grant[];
  readonly cancelled: SyncFindings["cancelled"];
  readonly lost: readonly string[];
  readonly nextSyncMs: number;
  /** How long each lease lasts that this call granted or renewed. It counts from when the call came. */
  readonly leaseMs: number;
  /** The stop in force. */
  readonly emergency: Emergency | undefined;
  readonly runHolds: SyncFindings["runHolds"];
}

export interface SyncOptions {
  readonly leaseMs: number;
  readonly engines: readonly string[];
  /** The order in force. It can change. */
  readonly order: () => Order;
  /**
   * Aborts when this process begins to stop. Then waiting calls are answered, so that their executors ask another
   * replica.
   */
  readonly stopping: AbortSignal;
}

/**
 * How often a waiting Sync checks while no lease may be granted, because not all executors have said what they hold.
 */
const HOLD_TICK_MS = 1_000;
const LONGEST_WAIT_MS = 20_000;

export type Sync = (input: SyncInput, signal: AbortSignal) => Promise<SyncAnswer>;

/**
 * Claim, heartbeat, cancel and drain in one call. An executor says which leases it has, and the answer says what it
 * should have.
 */
export function createSync(
  deps: {
    store: LeaseStore & EmergencyStore;
    queue: Queue;
    waitingExecutors: WaitingExecutors;
    observer: QueueObserver;
  },
  { leaseMs, engines, order, stopping }: SyncOptions,
): Sync {
  const { store, queue, waitingExecutors, observer } = deps;
  const known = createKnown();
  const checkState = createStateCheck({ store, queue }, leaseMs);
  const claim = createClaim({ store, observer }, { leaseMs, order });

  return async (asked, signal) => {
    const offers = asked.offers.filter(({ engine }) => engines.includes(engine));
    const input = { ...asked, offers };
    const nextSyncMs = leaseMs / 3;
    // Held leases are renewed by the next Sync. So this call must not wait longer than a third of the lease.
    const longestMs = input.held.length > 0 ? Math.min(LONGEST_WAIT_MS, nextSyncMs) : LONGEST_WAIT_MS;
    const end = performance.now() + Math.min(input.maxWaitMs, longestMs);
    const stop = AbortSignal.any([signal, stopping]);

    // A full executor also waits, for the cancel of a task that it holds. New tasks do not wake it.
    const open = offers.filter(({ freeSlots }) => freeSlots > 0);
    const waiting = waitingExecutors.wait(input.executor, open, [EMERGENCY_TOPIC]);
    let seen: { readonly findings: SyncFindings; readonly ms: number } | undefined;
    let woken: Awaited<ReturnType<typeof waiting.next>> = { engines: new Set(), others: false };
    try {
      for (let again = false; ; again = true) {
        const ms = performance.now();
        // A wake-up of an engine says only that there may be a task, and nothing about held leases. So the call claims,
        // and checks its state only when the tick is due.
        const stillSeen =
          seen && ms - seen.ms < TICK_MS && seen.findings.holdMs === 0 && woken.engines.size > 0 && !woken.others;
        const checking = seen && stillSeen ? seen.findings : checkState(input, again);
        if (input.emergency && !again) {
          await checking;
          await store.keepReceipt(input.executor, input.emergency);
        }
        // A caller that gave up would not learn of the leases that a claim grants.
        const claimsNothing = input.draining || signal.aborted;
        const wanted = stillSeen ? { ...input, offers: open.filter(({ engine }) => woken.engines.has(engine)) } : input;
        const [findings, { grants, waitMs }] = await Promise.all([
          checking,
          claimsNothing ? { grants: [], waitMs: TICK_MS } : claim(wanted, checking, waiting.claimed),
        ]);
        const { cancelled, lost, holdMs, emergency, runHolds } = findings;
        const news = grants.length + cancelled.length + lost.length > 0 || known.isNews(input, findings);
        const leftMs = end - performance.now();
        // During a hold, the store waits for a new call of each executor. A check of a waiting call does not count as
        // one. So this call answers at once, and the executor calls again.
        const isAwaited = again && holdMs > 0;
        if (news || isAwaited || input.draining || leftMs <= 0 || stop.aborted) {
          known.note(input, findings);
          return { grants, cancelled, lost, nextSyncMs, leaseMs, emergency, runHolds };
        }
        const holdTickMs = holdMs > 0 ? Math.min(holdMs, HOLD_TICK_MS) : waitMs;
        if (!seen || !stillSeen) seen = { findings, ms };
        const checkMs = seen.ms + TICK_MS - performance.now();
        woken = await waiting.next(Math.max(0, Math.min(leftMs, checkMs, waitMs, holdTickMs)), stop);
      }
    } finally {
      waiting.close();
    }
  };
}

/**
 * Remembers which emergency stop and which held runs each executor was told about here. So a waiting call answers at
 * once when these change.
 */
function createKnown() {
  const stops = new Map<string, string>();
  const holds = new Map<string, string>();
  const processOf = ({ executor, boot }: SyncMark): string => `${executor}/${boot}`;
  return {
    isNews(input: SyncInput, { emergency, runHolds }: SyncFindings): boolean {
      // For a stop that ends runs, the executor's own receipt says what it knows. For other stops the last answer
      // counts; it does no harm when that answer was lost.
      const unsaid = endsRuns(emergency) ? undefined : stops.get(processOf(input));
      const isNewStop = (input.emergency?.id ?? unsaid) !== emergency?.id;
      // The next Sync repeats the holds of an answer that was lost.
      return isNewStop || namesOf(runHolds) !== (holds.get(processOf(input)) ?? "");
    },
    note(input: SyncInput, { emergency, runHolds }: SyncFindings): void {
      const process = processOf(input);
      if (emergency) stops.set(process, emergency.id);
      else stops.delete(process);
      if (runHolds.length > 0) holds.set(process, namesOf(runHolds));
      else holds.delete(process);
    },
  };
}

const namesOf = (runHolds: SyncFindings["runHolds"]): string =>
  runHolds
    .map(({ id, fence }) => `${id}/${fence}`)
    .toSorted()
    .join(" ");
