import { addCounts, type Counts, noCounts } from "../usage/domain/counts.js";
import type { UsageStore } from "../usage/domain/usage-store.js";
import { type Budget, counterOf, type Standing, standingOf } from "./domain/budget.js";
import { periodAt } from "./domain/period.js";
import { usageBefore } from "./domain/usage-before.js";

export interface StandingsOptions {
  readonly usage: Pick<UsageStore, "read" | "readMinutes" | "readCounters">;
}

/**
 * Usage from before the counters of a budget began is read again after this time, because events may come late. Until
 * the counters have begun, it is all that the budget counts.
 */
const SEED_LASTS_MS = { before: 1_000, after: 60_000 } as const;
const SETTLED_MS = 120_000;

/** Says where budgets stand, from their counters and, in their first period, from usage. */
export function createStandings({ usage }: StandingsOptions) {
  const seeds = new Map<string, { readonly readMs: number; readonly counts: Readonly<Counts> }>();

  async function seedOf(budget: Budget, name: string, startMs: number, nowMs: number): Promise<Readonly<Counts>> {
    const known = seeds.get(name);
    const lastsMs = nowMs < budget.countFromMs + SETTLED_MS ? SEED_LASTS_MS.before : SEED_LASTS_MS.after;
    if (known && nowMs - known.readMs < lastsMs) return known.counts;
    const counts = await usageBefore(usage, budget.holder, { startMs, endMs: budget.countFromMs, nowMs });
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
    const used = new Set<string>();
    for (const budget of budgets) {
      const period = periodAt(budget.period, budget.timeZone, nowMs);
      const name = counterOf(budget, period);
      const counts = noCounts();
      addCounts(counts, counters.get(name) ?? noCounts());
      if (period.startMs < budget.countFromMs) {
        used.add(name);
        addCounts(counts, await seedOf(budget, name, period.startMs, nowMs));
      }
      standings.push(standingOf(budget, period, counts));
    }
    for (const name of seeds.keys()) if (!used.has(name)) seeds.delete(name);
    return standings;
  };
}

export type Standings = ReturnType<typeof createStandings>;
