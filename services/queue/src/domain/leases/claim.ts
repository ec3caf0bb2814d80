import type { QueueObserver } from "../lifecycle/observer.js";
import type { Order } from "../order/order.js";
import { TICK_MS } from "../wakes/wakes.js";
import type { Claimed, Grant, Heartbeat, LeaseStore, SyncFindings } from "./lease-store.js";
import { syncStale } from "./look.js";

// Half of what a message may have, since one prompt more than this is possible.
const MAX_GRANT_BYTES = 8 * 1024 * 1024;

/** Claims work for each engine of an executor, until its slots or an answer's bytes are full. Throws SYNC_STALE. */
export function createClaim(
  { store, observer }: { store: LeaseStore; observer: Pick<QueueObserver, "leased"> },
  { leaseMs, order }: { readonly leaseMs: number; readonly order: Order },
) {
  /**
   * Asks the store just behind the look, so in one go with it, unless that has found what must be settled before more is claimed. To wait for the
   * look each time costs a done task a tenth of its rate, and more (docs/benchmarks.md).
   */
  return async (
    { executor, boot, sequence, offers }: Pick<Heartbeat, "executor" | "boot" | "sequence" | "offers">,
    looking: SyncFindings | Promise<SyncFindings>,
    noteClaim: (engine: string, claim: Claimed) => void,
  ) => {
    const grants: Grant[] = [];
    let [bytes, waitMs, early] = [0, TICK_MS, looking instanceof Promise];
    for (const { engine, account, freeSlots } of offers) {
      if (freeSlots <= 0 || bytes >= MAX_GRANT_BYTES) continue;
      const maxBytes = MAX_GRANT_BYTES - bytes;
      const wanted = { engine, account, count: freeSlots, leaseMs, maxBytes, order };
      const claimed = { executor, boot, sequence, ...wanted };
      let got = await store.claim({ ...claimed, early });
      if (typeof got === "string" && early) {
        await looking;
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
