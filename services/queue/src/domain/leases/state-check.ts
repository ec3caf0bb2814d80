import { Refusal } from "@ccsp/errors";
import type { Queue } from "../lifecycle/queue.js";
import { isTaskId } from "../task/shard.js";
import type { Heartbeat, LeaseStore, SyncFindings } from "./lease-store.js";

/** What an executor reports about itself in a Sync. */
export type Presence = Omit<Heartbeat, "leaseMs" | "again">;

/**
 * The check of an executor's state in a Sync. It renews the leases that the executor holds, and settles
 * differences to the leases in the store. Throws SYNC_STALE.
 */
export function createStateCheck(
  { store, queue }: { store: LeaseStore; queue: Pick<Queue, "freeLease" | "resumeLease"> },
  leaseMs: number,
) {
  // When a lease cannot be freed because Redis is away, the answer does not wait for it. The next Sync finds the lease
  // again.
  const freeUnlisted = (id: string, fence: number): Promise<void> =>
    queue.freeLease(id, { how: "undelivered", fence }).catch((error: unknown) => {
      if (!(error instanceof Refusal && error.reason === "DEPENDENCY_UNAVAILABLE")) throw error;
    });

  return async (presence: Presence, again: boolean): Promise<SyncFindings> => {
    const { executor, boot, sequence, draining, offers, address } = presence;
    const strange = presence.held.filter(({ id }) => !isTaskId(id));
    const held = strange.length > 0 ? presence.held.filter(({ id }) => isTaskId(id)) : presence.held;
    const findings = await store.sync({ executor, boot, sequence, draining, offers, address, held, leaseMs, again });
    if (findings === "stale") throw syncStale();
    for (const { id, fence } of findings.unlisted) await freeUnlisted(id, fence);
    const lost = [...findings.lost, ...strange.map(({ id }) => id)];
    const accountOf = (engine: string): string => offers.find((offer) => offer.engine === engine)?.account ?? "";
    for (const { id, fence } of findings.forgotten) {
      if (!(await queue.resumeLease(id, { executor, boot, fence, accountOf }, leaseMs))) lost.push(id);
    }
    return { ...findings, lost };
  };
}

export function syncStale(): Refusal {
  return new Refusal("SYNC_STALE", "a newer Sync of this executor was seen");
}
