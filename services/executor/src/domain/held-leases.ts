import type { Attempt } from "./attempt.js";
import type { StopCause } from "./attempt-end.js";
import type { Clock } from "./clock.js";
import type { LeaseId } from "./queue.js";

interface Held {
  readonly attempt: Attempt;
  removed: boolean;
  /** Ends the wait for its expiry when the expiry changes. */
  wake: AbortController;
  /**
   * When the engine is stopped unless the lease is renewed. It is a time of the local monotonic clock: no date of the
   * queue is compared with a date of this host.
   */
  endsAt: number;
}

/** An engine is stopped early by at most this part of its lease, even if its grace is longer. */
const MOST_GRACE = 1 / 4;

export interface HeldLeasesOptions {
  readonly clock: Clock;
  readonly graceMs: number;
  /** Why an attempt is stopped whose lease was not renewed in time. */
  readonly expired: () => StopCause;
}

/**
 * The leases of this executor, each with its attempt. The executor holds a lease until the queue has answered its end.
 * The queue says how long a lease lasts. Here it counts from when the call was sent that granted or renewed it. The
 * queue counts from a later time, so the queue's lease ends later. If a lease is not renewed, its engine is stopped
 * `graceMs` before the lease ends: after that, another executor may run the same task. A result that only waits to be
 * written is kept, and the queue's fence decides about it.
 */
export function createHeldLeases({ clock, graceMs, expired }: HeldLeasesOptions) {
  const leases = new Map<string, Held>();

  /** When the engine is asked to end, so that it has ended before the lease does. */
  const endOf = (sentAt: number, lengthMs: number): number =>
    sentAt + lengthMs - Math.min(graceMs, lengthMs * MOST_GRACE);

  async function expire(held: Held): Promise<void> {
    while (!held.removed && held.attempt.running) {
      const leftMs = held.endsAt - clock.now();
      if (leftMs <= 0) return held.attempt.stop(expired());
      held.wake = new AbortController();
      await clock.wait(leftMs, held.wake.signal);
    }
  }

  return {
    /** The leases that Sync lists. Lost ones are left out: a newer lease of the same task may be here too. */
    ids: (): LeaseId[] =>
      [...leases.values()]
        .filter(({ attempt }) => !attempt.lost)
        .map(({ attempt: { lease } }) => ({ taskId: lease.taskId, fence: lease.fence })),

    attempts: (): Attempt[] => [...leases.values()].map(({ attempt }) => attempt),

    find: (id: LeaseId): Attempt | undefined => leases.get(key(id))?.attempt,

    /** Adds a lease that was granted in the answer to a call that was sent at `sentAt`. */
    add(attempt: Attempt, sentAt: number, lengthMs: number): void {
      const held = { attempt, removed: false, wake: new AbortController(), endsAt: endOf(sentAt, lengthMs) };
      leases.set(key(attempt.lease), held);
      void expire(held);
    },

    /** The queue answered a call that was sent at `sentAt` and listed this lease. */
    renew(id: LeaseId, sentAt: number, lengthMs: number): void {
      const held = leases.get(key(id));
      if (held === undefined) return;
      held.endsAt = endOf(sentAt, lengthMs);
      held.wake.abort();
    },

    remove(id: LeaseId): void {
      const held = leases.get(key(id));
      if (held === undefined) return;
      leases.delete(key(id));
      held.removed = true;
      held.wake.abort();
    },
  };
}

export type HeldLeases = ReturnType<typeof createHeldLeases>;

const key = ({ taskId, fence }: LeaseId): string => `${taskId}:${fence}`;
