import { cut, MAX_REASON_BYTES } from "../domain/fields/text.js";
import type { Moves } from "../domain/lifecycle/moves.js";
import { type BulkChange, type BulkStore, type Clearing, createBulk } from "../domain/search/bulk.js";
import type { Counts } from "../domain/search/change-all.js";
import { type Listing, listTasks } from "../domain/search/scan.js";
import type { TaskContents } from "../domain/task/task-store.js";

export type ByFilter = ReturnType<typeof createByFilter>;

/** The calls about all tasks that a filter matches. */
export function createByFilter(deps: {
  readonly store: BulkStore & Pick<TaskContents, "findPromptStarts">;
  readonly moves: Moves;
}) {
  const bulk = createBulk(deps);
  return {
    /** `promptStarts`: with the beginning of each prompt. Throws INVALID_FIELD for the token. */
    async list({ promptStarts, ...which }: Listing & { readonly promptStarts: boolean }) {
      const { tasks, nextPageToken } = await listTasks(deps.store, which);
      const starts = promptStarts ? await deps.store.findPromptStarts(tasks) : [];
      return { tasks: tasks.map((task, i) => ({ task, promptStart: starts[i] })), nextPageToken };
    },

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
