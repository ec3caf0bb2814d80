import { LRUCache } from "lru-cache";
import { addCounts, type Counts, noCounts } from "../usage/domain/counts.js";
import { periodAt } from "../usage/domain/period.js";
import type { UsageStore } from "../usage/domain/usage-store.js";
import { type Budget, counterOf, type Standing, standingOf } from "./domain/budget.js";
import { MOST_BUDGETS } from "./domain/read-budget.js";
import { usageBefore } from "./domain/usage-before.js";

export interface StandingsOptions {
  readonly usage: Pick<UsageStore, "read" | "readMinutes" | "readCounters">;
}

/**
 * Usage from before the counters of a budget began is read again after a tenth of the time since then, because events
 * may come late. Until the counters have begun, it is all that the budget counts.
 */
const SEED_LASTS = { shortestMs: 1_000, longestMs: 3_600_000, share: 0.1 } as const;

/** Says where budgets stand, from their counters and, in their first period, from usage. */
export function createStandings({ usage }: StandingsOptions) {
  const seeds = new LRUCache<string, { readonly readMs: number; readonly counts: Readonly<Counts> }>({
    max: MOST_BUDGETS,
  });

  async function seedOf(budget: Budget, startMs: number, nowMs: number): Promise<Readonly<Counts>> {
    const { holder, countFromMs: endMs } = budget;
    const name = seedName(budget, startMs);
    const known = seeds.get(name);
    const lastsMs = Math.min(SEED_LASTS.longestMs, Math.max(SEED_LASTS.shortestMs, (nowMs - endMs) * SEED_LASTS.share));
    if (known && Math.abs(nowMs - known.readMs) < lastsMs) return known.counts;
    const counts = await usageBefore(usage, holder, { startMs, endMs, nowMs });
    seeds.set(name, { readMs: nowMs, counts });
    return counts;
  }

  /**
   * The standings at the time `now`, in the order of the budgets. `counters` are from `readCounters`, which the caller
   * reads before it reads the budgets.
   */
  return async (
    budgets: readonly Budget[],
    counters: ReadonlyMap<string, Counts>,
    now: Date,
  ): Promise<readonly Standing[]> => {
    const nowMs = now.getTime();
    const standings: Standing[] = [];
    for (const budget of budgets) {
      const period = periodAt(budget.period, budget.timeZone, nowMs);
      const counts = noCounts();
      addCounts(counts, counters.get(counterOf(budget, period)) ?? noCounts());
      if (budget.fromUsage && period.startMs < budget.countFromMs)
        addCounts(counts, await seedOf(budget, period.startMs, nowMs));
      standings.push(standingOf(budget, period, counts));
    }
    return standings;
  };
}

const seedName = ({ holder, countFromMs }: Budget, startMs: number): string =>
  JSON.stringify([holder, startMs, countFromMs]);

export type Standings = ReturnType<typeof createStandings>;
