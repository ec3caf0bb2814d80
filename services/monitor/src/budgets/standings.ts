import { LRUCache } from "lru-cache";
import { addCounts, type Counts, noCounts } from "../usage/domain/counts.js";
import { type Period, periodAt } from "../usage/domain/period.js";
import type { UsageStore } from "../usage/domain/usage-store.js";
import { type Budget, counterOf, type Standing, standingOf } from "./domain/budget.js";
import { MOST_BUDGETS } from "./domain/read-budget.js";
import { countsUnderWay, usedUnderWay } from "./domain/under-way.js";
import { usageBefore } from "./domain/usage-before.js";
import type { Counters, LookUnderWay } from "./under-way.js";

export interface StandingsOptions {
  readonly usage: Pick<UsageStore, "read" | "readMinutes" | "readCounters">;
  readonly underWay: LookUnderWay;
}

/**
 * Usage from before the counters of a budget began is read again after a tenth of the time since then, because events
 * may come late. Until the counters have begun, it is all that the budget counts.
 */
const SEED_LASTS = { shortestMs: 1_000, longestMs: 3_600_000, share: 0.1 } as const;

/**
 * Says where budgets stand, from their counters, in their first period from usage, and from what runs under way have
 * used so far.
 */
export function createStandings({ usage, underWay }: StandingsOptions) {
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
   * reads before it reads the budgets. `anew`: runs under way count as they are now. Without it, what is counted may be
   * a second old.
   */
  return async (
    budgets: readonly Budget[],
    counters: Counters,
    now: Date,
    { anew = false }: { readonly anew?: boolean } = {},
  ): Promise<readonly Standing[]> => {
    const nowMs = now.getTime();
    const begun: { readonly budget: Budget; readonly period: Period; readonly counts: Counts }[] = [];
    for (const budget of budgets) {
      const period = periodAt(budget.period, budget.timeZone, nowMs);
      const counts = noCounts();
      if (budget.fromUsage && period.startMs < budget.countFromMs)
        addCounts(counts, await seedOf(budget, period.startMs, nowMs));
      begun.push({ budget, period, counts });
    }
    // Runs under way are read last, so that none of them is in what was read of ended runs.
    const look = budgets.some(countsUnderWay) ? await underWay(counters, { anew }) : { counters, runs: [] };
    const underWayOf = usedUnderWay(budgets, look.runs);
    return begun.map(({ budget, period, counts }) => {
      addCounts(counts, look.counters.get(counterOf(budget, period)) ?? noCounts());
      addCounts(counts, underWayOf(budget));
      return standingOf(budget, period, counts);
    });
  };
}

const seedName = ({ holder, countFromMs }: Budget, startMs: number): string =>
  JSON.stringify([holder, startMs, countFromMs]);

export type Standings = ReturnType<typeof createStandings>;
