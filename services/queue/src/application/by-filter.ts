import { cut, MAX_REASON_BYTES } from "../domain/fields/text.js";
import type { Moves } from "../domain/lifecycle/moves.js";
import { type BulkChange, type BulkStore, type Clearing, createBulk } from "../domain/search/bulk.js";
import type { Counts } from "../domain/search/change-all.js";
import { type Listing, listTasks } from "../domain/search/scan.js";

export type ByFilter = ReturnType<typeof createByFilter>;

/** The calls about all tasks that a filter matches. */
export function createByFilter(deps: { readonly store: BulkStore; readonly moves: Moves }) {
  const bulk = createBulk(deps);
  return {
    /** Throws INVALID_FIELD for the token. */
    list: (which: Listing) => listTasks(deps.store, which),

    cancel: (change: BulkChange, signal: AbortSignal) => bulk.cancel(change, signal),
    retry: (change: BulkChange, signal: AbortSignal) => bulk.retry(change, signal),

    /**
     * Without a token, it only counts the tasks, and returns a token. A second call with this token cancels them.
     * Throws CONFIRMATION_INVALID.
     */
    async clear(
      what: Clearing,
      { token, who }: { readonly token: string; readonly who: string },
      signal: AbortSignal,
    ): Promise<{ readonly counts: Counts; readonly token: string }> {
      if (token === "") return bulk.prepareClear(what, signal);
      const reason = cut(`${what.class} was cleared by ${who}`, MAX_REASON_BYTES);
      return { counts: await bulk.clear(what, { token, reason }, signal), token: "" };
    },
  };
}
