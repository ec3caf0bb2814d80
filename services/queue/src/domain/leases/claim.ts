import type { QueueObserver } from "../lifecycle/observer.js";
import type { Order } from "../order/order.js";
import { TICK_MS } from "../wakes/wakes.js";
import type { Claimed, Grant, Heartbeat, LeaseStore, SyncFindings } from "./lease-store.js";
import { syncStale } from "./state-check.js";

// Half of the largest message, because an answer may exceed this by one prompt.
const MAX_GRANT_BYTES = 8 * 1024 * 1024;

/**
 * Claims tasks for each engine of an executor, until its slots or the bytes of an answer are full. Throws SYNC_STALE.
 */
export function createClaim(
  { store, observer }: { store: LeaseStore; observer: Pick<QueueObserver, "leased"> },
  { leaseMs, order }: { readonly leaseMs: number; readonly order: () => Order },
) {
  /**
   * Sends the claim right behind the check of the state (see `createStateCheck`), so both go to Redis together. When
   * the check finds leases that must be settled first, it claims again after they are settled. To wait for the check
   * each time would cost a tenth of the rate of done tasks, and more
   * (docs/adr/0008-a-done-task-may-cost-more-than-bullmqs.md).
   */
  return async (
    { executor, boot, sequence, offers }: Pick<Heartbeat, "executor" | "boot" | "sequence" | "offers">,
    checking: SyncFindings | Promise<SyncFindings>,
    noteClaim: (engine: string, claim: Claimed) => void,
  ) => {
    const grants: Grant[] = [];
    let [bytes, waitMs, early] = [0, TICK_MS, checking instanceof Promise];
    for (const { engine, account, freeSlots } of offers) {
      if (freeSlots <= 0 || bytes >= MAX_GRANT_BYTES) continue;
      const maxBytes = MAX_GRANT_BYTES - bytes;
      const wanted = { engine, account, count: freeSlots, leaseMs, maxBytes, order: order() };
      const claimed = { executor, boot, sequence, ...wanted };
      let got = await store.claim({ ...claimed, early });
      if (typeof got === "string" && early) {
        await checking;
        early = false;
        got = await store.claim({ ...claimed, early });
      }
      if (typeof got === "string") throw syncStale();
      noteClaim(engine, got);
      for (const grant of got.grants) {
        bytes += grant.prompts.byteLength;
        if (!grant.again) observer.leased(grant.task);
      }
      grants.push(...got.grants);
      if (got.pins) waitMs = Math.min(waitMs, got.waitMs ?? TICK_MS);
    }
    return { grants, waitMs };
  };
}
