import { type FieldViolation, invalidFields } from "@ccsp/errors";
import type { Tokens, Usage } from "./run.js";
import type { UsageStore } from "./usage-store.js";

export const HOUR_MS = 3_600_000;
export const MAX_RANGE_MS = 31 * 24 * HOUR_MS;
const DEFAULT_RANGE_MS = 24 * HOUR_MS;

export interface UsageQuery {
  /** Empty for all agents. */
  readonly agent: string;
  readonly start: Date | undefined;
  readonly end: Date | undefined;
}

/**
 * Returns one row per agent and model over the range, sorted by agent and then by model. Throws a Refusal for an
 * invalid range.
 */
export async function reportUsage(store: UsageStore, query: UsageQuery, now: Date): Promise<Usage[]> {
  const rows = new Map<string, Usage>();
  for (const usage of await store.read(hoursOf(query, now))) {
    if (query.agent !== "" && usage.agent !== query.agent) continue;
    const key = JSON.stringify([usage.agent, usage.model]);
    const sum = rows.get(key);
    rows.set(key, sum === undefined ? usage : add(sum, usage));
  }
  return [...rows.values()].sort((a, b) => compare(a.agent, b.agent) || compare(a.model, b.model));
}

/** Returns the whole hours (UTC) that overlap the range. Each hour is given by its first moment in ms. */
export function hoursOf(query: Pick<UsageQuery, "start" | "end">, now: Date): number[] {
  const endMs = (query.end ?? now).getTime();
  const startMs = query.start?.getTime() ?? endMs - DEFAULT_RANGE_MS;
  const faults: FieldViolation[] = [];
  if (Number.isNaN(startMs)) faults.push({ field: "start_time", description: "is not a time" });
  if (Number.isNaN(endMs)) faults.push({ field: "end_time", description: "is not a time" });
  if (endMs <= startMs) faults.push({ field: "end_time", description: "must be after start_time" });
  if (endMs - startMs > MAX_RANGE_MS) {
    faults.push({ field: "start_time", description: "must be at most 31 days before end_time" });
  }
  if (faults.length > 0) throw invalidFields(faults);

  const hours: number[] = [];
  for (let hour = Math.floor(startMs / HOUR_MS) * HOUR_MS; hour < endMs; hour += HOUR_MS) hours.push(hour);
  return hours;
}

function add(a: Usage, b: Usage): Usage {
  return {
    agent: a.agent,
    model: a.model,
    runs: a.runs + b.runs,
    failedRuns: a.failedRuns + b.failedRuns,
    tokens: addTokens(a.tokens, b.tokens),
    costMicroUsd: a.costMicroUsd + b.costMicroUsd,
    runsWithoutCost: a.runsWithoutCost + b.runsWithoutCost,
  };
}

function addTokens(a: Tokens, b: Tokens): Tokens {
  return {
    input: a.input + b.input,
    output: a.output + b.output,
    cacheRead: a.cacheRead + b.cacheRead,
    cacheCreation: a.cacheCreation + b.cacheCreation,
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
