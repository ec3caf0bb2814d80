import type { Attempt } from "./attempt.js";
import type { Clock } from "./clock.js";
import type { LeaseId } from "./queue.js";

interface Held {
  readonly attempt: Attempt;
  removed: boolean;
  /** Ends the wait for its expiry, which has changed. */
  wake: AbortController;
  /** When its engine is stopped unless it is renewed, by the local clock that only grows: no date of the queue is compared with one of this host. */
  endsAt: number;
}

/** An engine is stopped at most this part of its lease early, however long its grace is. */
const MOST_GRACE = 1 / 4;

/**
 * The leases of this executor, each with its attempt. A lease is held until its end was answered. It lasts as long as the queue says, from when the
 * call was sent that granted or renewed it: the queue, which counts from later on, has it for longer. An engine whose lease runs
 * out without a renewal is stopped, `graceMs` before: after it another executor may run the same task. A result that only waits to be written is not
 * dropped for that: the queue's fence decides.
 */
export function createHeldLeases(clock: Clock, graceMs: number) {
  const leases = new Map<string, Held>();

  /** When the engine is to be asked to end, so that it is gone when the lease is. */
  const endOf = (sentAt: number, lengthMs: number): number =>
    sentAt + lengthMs - Math.min(graceMs, lengthMs * MOST_GRACE);

  async function expire(held: Held): Promise<void> {
    while (!held.removed && held.attempt.running) {
      const leftMs = held.endsAt - clock.now();
      if (leftMs <= 0) return held.attempt.stop("lost");
      held.wake = new AbortController();
      await clock.wait(leftMs, held.wake.signal);
    }
  }

  return {
    /** What the queue is told: lost ones are left out, since a newer lease of the same task may be here too. */
    ids: (): LeaseId[] =>
      [...leases.values()]
        .filter(({ attempt }) => !attempt.lost)
        .map(({ attempt: { lease } }) => ({ taskId: lease.taskId, fence: lease.fence })),

    attempts: (): Attempt[] => [...leases.values()].map(({ attempt }) => attempt),

    find: (id: LeaseId): Attempt | undefined => leases.get(key(id))?.attempt,

    /** Granted by the answer to a call that was sent at `sentAt`. */
    add(attempt: Attempt, sentAt: number, lengthMs: number): void {
      const held = { attempt, removed: false, wake: new AbortController(), endsAt: endOf(sentAt, lengthMs) };
      leases.set(key(attempt.lease), held);
      void expire(held);
    },

    /** The queue answered a call, sent at `sentAt`, that had this lease in its list. */
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
