import { invalidFields } from "@ccsp/errors";
import { addCounts, type Counts, noCounts } from "./counts.js";
import { floor } from "./usage-report.js";
import { DAY_MS, type UsageStore } from "./usage-store.js";

const DEFAULT_DAYS = 7;
const MAX_DAYS = 90;

export interface AgentStats {
  readonly agent: string;
  readonly counts: Counts;
  readonly lastEndMs: number;
  readonly activeDays: number;
}

/** Returns the statistics of each agent over whole days up to today (UTC), sorted by agent. */
export async function reportAgents(
  store: UsageStore,
  query: { readonly agent: string; readonly days: number },
  now: Date,
): Promise<AgentStats[]> {
  if (!(query.days >= 0 && query.days <= MAX_DAYS))
    throw invalidFields([{ field: "days", description: `must be 0 to ${MAX_DAYS}` }]);
  const today = floor(now.getTime(), DAY_MS);
  const days = Array.from({ length: query.days || DEFAULT_DAYS }, (_, at) => today - at * DAY_MS);
  const agents = new Map<string, { counts: Counts; lastEndMs: number; days: Set<number> }>();
  for await (const { agent, day, counts, lastEndMs } of store.readAgents(days, query.agent)) {
    const sum = agents.get(agent) ?? { counts: noCounts(), lastEndMs: 0, days: new Set<number>() };
    agents.set(agent, sum);
    addCounts(sum.counts, counts);
    sum.lastEndMs = Math.max(sum.lastEndMs, lastEndMs);
    sum.days.add(day);
  }
  return [...agents]
    .map(([agent, sum]) => ({ agent, counts: sum.counts, lastEndMs: sum.lastEndMs, activeDays: sum.days.size }))
    .sort((a, b) => (a.agent < b.agent ? -1 : 1));
}
