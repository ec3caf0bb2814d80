import type { Logger } from "pino";
import type { NextDue } from "./domain/due/due-store.js";
import type { Due } from "./domain/due/reaper.js";
import { DUE_TOPIC, type Wakes } from "./domain/wakes/wakes.js";

/** What the loop does; the first two never at once. */
export interface Rounds {
  /** Everything. */
  readonly whole: () => Promise<void>;
  /** Only what has come due. */
  readonly due: (due: Due) => Promise<void>;
  readonly next: (seen: NextDue["seen"] | undefined) => Promise<NextDue>;
}

export interface ReapOptions {
  readonly everyMs: number;
  readonly wakes: Pick<Wakes, "listen">;
  readonly log: Logger;
  /** Ms, of a clock that only goes forward; for tests. */
  readonly nowMs?: () => number;
}

/** What comes due within this after a look waits for the next, so that many times, or words of them, that are close together are one round. */
const GAP_MS = 10;
const NEVER = { tasks: Number.POSITIVE_INFINITY, gates: Number.POSITIVE_INFINITY, refills: Number.POSITIVE_INFINITY };

/**
 * Runs a whole round each `everyMs`, and one of what is due when its time comes: it sleeps until the earliest of these times, and looks
 * again when there is word of a sooner one. A round that fails is logged once and tried again at the next whole one.
 */
export function startReaping(rounds: Rounds, { everyMs, wakes, log, nowMs = () => performance.now() }: ReapOptions) {
  const stop = new AbortController();
  const listener = wakes.listen([DUE_TOPIC]);
  const loop = async (): Promise<void> => {
    let failing = false;
    let [seen, waits]: [NextDue["seen"] | undefined, NextDue["waits"]] = [undefined, NEVER];
    let [lookedMs, wholeMs] = [nowMs(), nowMs()];
    while (!stop.signal.aborted) {
      const now = nowMs();
      const isDue = (kind: keyof Due): boolean => waits[kind] <= now - lookedMs;
      const due = { tasks: isDue("tasks"), gates: isDue("gates"), refills: isDue("refills") };
      let earliestMs = now;
      try {
        if (now >= wholeMs) {
          wholeMs = now + everyMs;
          await rounds.whole();
        } else if (due.tasks || due.gates || due.refills) await rounds.due(due);
        else earliestMs = 0;
        lookedMs = nowMs();
        ({ seen, waits } = await rounds.next(seen));
        failing = false;
      } catch (err) {
        if (!failing) log.warn({ err }, "reaping failed, trying again");
        failing = true;
        waits = NEVER;
      }
      const dueMs = Math.max(lookedMs + Math.min(waits.tasks, waits.gates, waits.refills), earliestMs + GAP_MS);
      const nextMs = Math.min(dueMs, wholeMs);
      await listener.next(Math.max(0, nextMs - nowMs()), stop.signal);
      // Words that come within the gap are heard by the look at its end.
      const lookMs = Math.min(nextMs, lookedMs + GAP_MS);
      while (!stop.signal.aborted && nowMs() < lookMs) await listener.next(lookMs - nowMs(), stop.signal);
    }
    listener.close();
  };
  const running = loop();
  return {
    async close(): Promise<void> {
      stop.abort();
      await running;
    },
  };
}
