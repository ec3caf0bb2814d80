import type { Backlog, StatusStore } from "../domain/status/status-store.js";

/** How old what is told may be, before it is read again. */
const FRESH_MS = 1_000;

/**
 * What waits for each engine, for executors that adapt their slots. Many of them ask often, so it is read at most once
 * a second, and never makes a call wait: the first answer is empty.
 */
export function createBacklog(store: Pick<StatusStore, "backlog">, nowMs: () => number) {
  let known: readonly Backlog[] = [];
  let readMs = Number.NEGATIVE_INFINITY;
  const read = async (): Promise<void> => {
    known = await store.backlog();
  };
  return (): readonly Backlog[] => {
    if (nowMs() - readMs >= FRESH_MS) {
      readMs = nowMs();
      // A hint that is missing costs nothing. While Redis is away, nothing is told to wait.
      void read().catch(() => {
        known = [];
      });
    }
    return known.filter(({ waiting }) => waiting > 0);
  };
}

export type BacklogHint = ReturnType<typeof createBacklog>;
