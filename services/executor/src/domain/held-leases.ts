import type { Attempt } from "./attempt.js";
import type { Clock } from "./clock.js";
import type { LeaseId } from "./queue.js";

/**
 * A lease's length is read from the queue's date, which this host's clock may not agree with; it is believed between one and this
 * many heartbeats.
 */
const MOST_HEARTBEATS = 6;

interface Held {
  readonly attempt: Attempt;
  readonly lengthMs: number;
  readonly removed: AbortController;
  /** By the local clock that only grows. */
  expiresAt: number;
}

/**
 * The leases of this executor, each with its attempt. A lease is held until its end was answered. An engine whose lease ran out
 * without a renewal is stopped: by then another executor may run the same task. A result that only waits to be written is not
 * dropped for that: the queue's fence decides.
 */
export function createHeldLeases(clock: Clock) {
  const leases = new Map<string, Held>();

  async function expire(held: Held): Promise<void> {
    for (;;) {
      const leftMs = held.expiresAt - clock.now();
      if (leftMs <= 0) break;
      await clock.wait(leftMs, held.removed.signal);
      if (held.removed.signal.aborted || !held.attempt.running) return;
    }
    held.attempt.stop("lost");
  }

  return {
    /** What the queue is told: lost ones are left out, since a newer lease of the same task may be here too. */
    ids: (): LeaseId[] =>
      [...leases.values()]
        .filter(({ attempt }) => !attempt.lost)
        .map(({ attempt: { lease } }) => ({ taskId: lease.taskId, fence: lease.fence })),

    attempts: (): Attempt[] => [...leases.values()].map(({ attempt }) => attempt),

    find: (id: LeaseId): Attempt | undefined => leases.get(key(id))?.attempt,

    /** `heartbeatMs`: how often the queue wants to be called. */
    add(attempt: Attempt, heartbeatMs: number): void {
      const { lease } = attempt;
      const lengthMs = Math.min(Math.max(lease.expiresAtMs - clock.date(), heartbeatMs), MOST_HEARTBEATS * heartbeatMs);
      const held = { attempt, lengthMs, removed: new AbortController(), expiresAt: clock.now() + lengthMs };
      leases.set(key(lease), held);
      void expire(held);
    },

    /** The queue answered a call, sent at `sentAt`, that had this lease in its list. */
    renew(id: LeaseId, sentAt: number): void {
      const held = leases.get(key(id));
      if (held) held.expiresAt = Math.max(held.expiresAt, sentAt + held.lengthMs);
    },

    remove(id: LeaseId): void {
      leases.get(key(id))?.removed.abort();
      leases.delete(key(id));
    },
  };
}

const key = ({ taskId, fence }: LeaseId): string => `${taskId}:${fence}`;
