import { cut, MAX_REASON_BYTES } from "../domain/fields/text.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import { type BulkChange, type BulkStore, type Clearing, createBulk } from "../domain/search/bulk.js";
import type { Counts } from "../domain/search/change-all.js";
import type { TaskFilter } from "../domain/search/filter.js";
import { listTasks } from "../domain/search/scan.js";

const PAGE_SIZE = 50;

/** The calls about all tasks that a filter matches. */
export function createByFilter({ store, queue }: { readonly store: BulkStore; readonly queue: Queue }) {
  const bulk = createBulk({ store, queue });
  return {
    /** `pageSize` 0 means the default of 50. Throws INVALID_FIELD for the token. */
    list: (filter: TaskFilter, { pageSize, pageToken }: { readonly pageSize: number; readonly pageToken: string }) =>
      listTasks(store, { filter, pageSize: pageSize || PAGE_SIZE, pageToken }),

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
