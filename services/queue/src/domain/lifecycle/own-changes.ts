import { endsRuns } from "../emergency/emergency.js";
import type { EmergencyStore } from "../emergency/emergency-store.js";
import { afterAnswer, afterCancel, afterLease, afterLostLease, type Holder, type LeaseEnd } from "../task/decide.js";
import type { RunFacts } from "../task/move.js";
import { isHeld } from "../task/task.js";
import type { TaskReads } from "../task/task-store.js";
import type { Moves } from "./moves.js";
import type { QueueObserver } from "./observer.js";

interface OwnChangeDeps {
  readonly store: TaskReads & EmergencyStore;
  readonly moves: Moves;
  readonly observer: QueueObserver;
}

/** A lease that the store lost. `accountOf` returns the login that its executor uses for an engine. */
export type Forgotten = Omit<Holder, "account"> & { readonly accountOf: (engine: string) => string };

/**
 * Changes that the queue makes by itself: for a cached answer, an emergency stop, and leases that a Sync or the reaper
 * finds.
 */
export function createOwnChanges({ store, moves, observer }: OwnChangeDeps) {
  return {
    /** Ends a waiting task with an answer from the cache. Changes nothing when an executor has the task. */
    async answer(id: string, result: Uint8Array, facts: RunFacts): Promise<void> {
      const task = await store.find(id);
      if (task) await moves.makeMove(task, afterAnswer(task, facts), result);
    },

    /** Cancels a task that an executor has. Another task does not change. */
    async cancelHeld(id: string, reason: string): Promise<void> {
      await moves.decideAndMove(id, (task) => (isHeld(task.state) ? afterCancel(task, reason) : undefined));
    },

    /** Restores a lease that the store lost. False when another executor has the task, or the task has ended. */
    async resumeLease(id: string, { accountOf, ...holder }: Forgotten, ms: number): Promise<boolean> {
      const { outcome, to } = await moves.decideAndMove(id, (task) =>
        afterLostLease(task, { ...holder, account: accountOf(task.engine) }, ms),
      );
      return (outcome === "done" || outcome === "ok") && to !== undefined && isHeld(to);
    },

    /**
     * Takes back a lease that its holder does not know or did not renew. Changes nothing when the lease has ended
     * already.
     */
    async freeLease(id: string, end: Exclude<LeaseEnd, { how: "released" }>): Promise<void> {
      const { outcome } = await moves.decideAndMove(id, async (task) =>
        afterLease(task, end, { parked: endsRuns(await store.emergency()) }),
      );
      if (outcome === "ok" && end.how === "expired") observer.leaseExpired();
    },
  };
}
