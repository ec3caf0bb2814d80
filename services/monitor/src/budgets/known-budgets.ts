import type { StateStore } from "../state/state-store.js";
import type { Budget } from "./domain/budget.js";

/** Much shorter than `KNOWN_AFTER_MS`. */
const FRESH_MS = 1_000;
/**
 * Every replica knows a budget when this time has passed since it was put. `KNOWN_AFTER_MS` is longer, because it is
 * compared with the times of runs, which other clocks give.
 */
export const KNOWN_MS = FRESH_MS + 50;

/** Returns the budgets as they were at most a second ago. Rejects while they cannot be read. */
export function createKnownBudgets(state: Pick<StateStore<Budget>, "list">): () => Promise<readonly Budget[]> {
  let read: { readonly atMs: number; readonly budgets: Promise<readonly Budget[]> } | undefined;
  return async () => {
    const nowMs = performance.now();
    if (read !== undefined && nowMs - read.atMs <= FRESH_MS) return read.budgets;
    const budgets = state.list().then((entries) => entries.map(({ value }) => value));
    const reading = { atMs: nowMs, budgets };
    read = reading;
    try {
      return await budgets;
    } catch (fault) {
      if (read === reading) read = undefined;
      throw fault;
    }
  };
}
