import type { EngineEvent } from "@ccsp/engine-kit";
import type { Clock } from "./clock.js";

export type UsageEvent = Extract<EngineEvent, { type: "usage" }>;

/** Time between two entries. An entry is for people who watch the run, so a newer one makes it worthless. */
const PACE_MS = 1_000;

/** Passes usage on at most once a second. Entries have totals, so the newest one stands for those before it. */
export interface UsagePace {
  add(event: UsageEvent): void;
  /** Passes on at once what waits. To be called when no more events come. */
  flush(): void;
}

export function createUsagePace(clock: Clock, tell: (event: UsageEvent) => void): UsagePace {
  let newest: UsageEvent | undefined;
  let toldMs = Number.NEGATIVE_INFINITY;
  let waiting: AbortController | undefined;

  function tellNewest(): void {
    if (newest === undefined) return;
    const event = newest;
    newest = undefined;
    toldMs = clock.now();
    tell(event);
  }

  async function tellAfter(ms: number, signal: AbortSignal): Promise<void> {
    await clock.wait(ms, signal);
    waiting = undefined;
    tellNewest();
  }

  return {
    add(event) {
      newest = event;
      if (waiting) return;
      const waitMs = toldMs + PACE_MS - clock.now();
      if (waitMs <= 0) return tellNewest();
      waiting = new AbortController();
      void tellAfter(waitMs, waiting.signal);
    },
    flush() {
      tellNewest();
      waiting?.abort();
    },
  };
}
