import type { Backlog, StatusStore } from "../domain/status/status-store.js";

/** How old what is told may be, before it is read again. */
const FRESH_MS = 1_000;

/**
 * What waits for each engine, for executors that adapt their slots. Many of them ask often, so it is read at most once
 * a second. It never rejects: while it cannot be read, nothing is told to wait.
 */
export function createBacklog(store: Pick<StatusStore, "backlog">, nowMs: () => number) {
  let known: Promise<readonly Backlog[]> = Promise.resolve([]);
  let readMs = Number.NEGATIVE_INFINITY;
  return async (): Promise<readonly Backlog[]> => {
    if (nowMs() - readMs >= FRESH_MS) {
      readMs = nowMs();
      known = store.backlog().catch(() => []);
    }
    return (await known).filter(({ waiting }) => waiting > 0);
  };
}

export type BacklogHint = ReturnType<typeof createBacklog>;
