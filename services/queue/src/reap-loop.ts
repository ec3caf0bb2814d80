import type { Logger } from "pino";
import type { NextDue } from "./domain/due/due-store.js";
import type { Due } from "./domain/due/reaper.js";
import { DUE_TOPIC, type Wakes } from "./domain/wakes/wakes.js";

/** What the loop runs. `whole` and `due` never run at the same time. */
export interface Rounds {
  /** Handles everything. */
  readonly whole: () => Promise<void>;
  /** Handles only what has come due. */
  readonly due: (due: Due) => Promise<void>;
  readonly next: (seen: NextDue["seen"] | undefined) => Promise<NextDue>;
}

export interface ReapOptions {
  readonly everyMs: number;
  readonly wakes: Pick<Wakes, "listen">;
  readonly log: Logger;
  /** A monotonic clock, in ms. Tests set it. */
  readonly nowMs?: () => number;
}

/** The least time between two checks. Due times, or wake-ups about them, that come close together share one round. */
const GAP_MS = 10;
const NEVER = { tasks: Number.POSITIVE_INFINITY, gates: Number.POSITIVE_INFINITY, refills: Number.POSITIVE_INFINITY };

/**
 * Runs a whole round each `everyMs`, and a round of due work when its time comes. The loop sleeps until the earliest of
 * these times, and checks again when a wake-up announces a sooner one. The loop logs a failed round once and tries
 * again at the next whole round.
 */
export function startReaping(rounds: Rounds, { everyMs, wakes, log, nowMs = () => performance.now() }: ReapOptions) {
  const stop = new AbortController();
  const listener = wakes.listen([DUE_TOPIC]);
  const loop = async (): Promise<void> => {
    let failing = false;
    let [seen, waits]: [NextDue["seen"] | undefined, NextDue["waits"]] = [undefined, NEVER];
    let [checkedMs, wholeMs] = [nowMs(), nowMs()];
    while (!stop.signal.aborted) {
      const now = nowMs();
      const isDue = (kind: keyof Due): boolean => waits[kind] <= now - checkedMs;
      const due = { tasks: isDue("tasks"), gates: isDue("gates"), refills: isDue("refills") };
      let earliestMs = now;
      try {
        if (now >= wholeMs) {
          wholeMs = now + everyMs;
          await rounds.whole();
        } else if (due.tasks || due.gates || due.refills) await rounds.due(due);
        else earliestMs = 0;
        checkedMs = nowMs();
        ({ seen, waits } = await rounds.next(seen));
        failing = false;
      } catch (err) {
        if (!failing) log.warn({ err }, "reaping failed, trying again");
        failing = true;
        waits = NEVER;
      }
      const dueMs = Math.max(checkedMs + Math.min(waits.tasks, waits.gates, waits.refills), earliestMs + GAP_MS);
      const nextMs = Math.min(dueMs, wholeMs);
      await listener.next(Math.max(0, nextMs - nowMs()), stop.signal);
      // The check at the end of the gap covers wake-ups that arrive within the gap.
      const checkMs = Math.min(nextMs, checkedMs + GAP_MS);
      while (!stop.signal.aborted && nowMs() < checkMs) await listener.next(checkMs - nowMs(), stop.signal);
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
