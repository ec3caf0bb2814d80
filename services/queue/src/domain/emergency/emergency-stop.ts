import { randomUUID } from "node:crypto";
import { type ExecutorStore, LATELY_MS } from "../executors/executor-store.js";
import { cut, MAX_REASON_BYTES } from "../fields/text.js";
import type { Clock } from "../task/clock.js";
import type { Wakes } from "../wakes/wakes.js";
import { type Emergency, type EmergencyLevel, type EmergencyReceipt, endsRuns, RECEIPTS_TOPIC } from "./emergency.js";
import type { EmergencyStore } from "./emergency-store.js";

/** A stop and the receipts for it so far. */
export interface EmergencyState {
  readonly stop: Emergency;
  /** Every executor that called lately, holds a lease or has answered. Undefined: it has not answered. */
  readonly receipts: ReadonlyMap<string, EmergencyReceipt | undefined>;
}

export type EmergencyStop = ReturnType<typeof createEmergencyStop>;

type StopStore = EmergencyStore & ExecutorStore & Clock;

// The contract promises an answer within 5 s. The other half second is for Redis.
const RECEIPTS_WITHIN_MS = 4_500;
// How often the receipts are read again, because a wake-up may be lost.
const TICK_MS = 500;
// The longest possible lease: an executor that called within this time may still hold a lease and run its task.
const LONGEST_LEASE_MS = 3_600_000;

/** The stop in force with its receipts. Undefined: no stop is in force. */
export async function emergencyState(store: StopStore): Promise<EmergencyState | undefined> {
  const stop = await store.emergency();
  if (!stop) return undefined;
  if (!endsRuns(stop)) return { stop, receipts: new Map() };
  const [executors, receipts, nowMs] = await Promise.all([
    store.executors(LONGEST_LEASE_MS),
    store.receipts(stop.id),
    store.now(""),
  ]);
  const asked = executors.filter(({ leases, seenMs }) => leases > 0 || seenMs >= nowMs - LATELY_MS);
  return { stop, receipts: new Map([...asked.map(({ id }) => [id, undefined] as const), ...receipts]) };
}

/** Runs in each round of the reaper: a process may have died before it cancelled all held tasks. */
export async function enforceEmergency(store: EmergencyStore, queue: Canceller): Promise<void> {
  const stop = await store.emergency();
  if (stop) await cancelHeld(stop, store, queue);
}

/** Calls emergency stops. */
export function createEmergencyStop(
  { store, queue, wakes }: { store: StopStore; queue: Canceller; wakes: Wakes },
  { receiptsWithinMs = RECEIPTS_WITHIN_MS } = {},
) {
  return {
    /**
     * Calls a stop. Answers when all receipts say that no run remains, or after `receiptsWithinMs` with those that
     * came.
     */
    async stop(
      asked: { readonly level: EmergencyLevel; readonly who: string; readonly why: string },
      signal: AbortSignal,
    ): Promise<EmergencyState & { readonly confirmed: boolean }> {
      const end = performance.now() + receiptsWithinMs;
      const listener = wakes.listen([RECEIPTS_TOPIC]);
      try {
        const raised = await store.raiseEmergency({ id: randomUUID(), ...asked }, "raise");
        await cancelHeld(raised, store, queue);
        for (;;) {
          // If the queue was resumed meanwhile, the answer still names the stop that was raised.
          const now = (await emergencyState(store)) ?? { stop: raised, receipts: new Map<string, undefined>() };
          const confirmed = [...now.receipts.values()].every((receipt) => receipt?.remaining === 0);
          const leftMs = end - performance.now();
          if (confirmed || leftMs <= 0 || signal.aborted) return { ...now, confirmed };
          await listener.next(Math.min(leftMs, TICK_MS), signal);
        }
      } finally {
        listener.close();
      }
    },
  };
}

/** Cancels a task that an executor holds. */
interface Canceller {
  cancelHeld(id: string, reason: string): Promise<void>;
}

/**
 * For a kill, cancels every task that an executor holds. A task whose executor is out of reach ends when its lease
 * ends. So no task that a kill met runs again.
 */
async function cancelHeld(stop: Emergency, store: EmergencyStore, queue: Canceller): Promise<void> {
  if (stop.level !== "kill") return;
  const reason = cut(`emergency stop by ${stop.who}: ${stop.why}`, MAX_REASON_BYTES);
  await Promise.all((await store.heldIds()).map((id) => queue.cancelHeld(id, reason)));
}
