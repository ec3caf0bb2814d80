import type { RedisClient } from "@ccsp/redis-kit";
import { noCounts } from "../domain/counts.js";
import { NO_ROW, type Run } from "../domain/run.js";
import { floor } from "../domain/usage-report.js";
import { type CountedRow, HOUR_MS } from "../domain/usage-store.js";
import { LEGACY_KEPT_MS, legacyKeys } from "./usage-keys.js";

/** The counters of 0.2.0, by its names. */
const NAMES = {
  runs: "runs",
  failed_runs: "failed",
  input_tokens: "input",
  output_tokens: "output",
  cache_read_tokens: "cacheRead",
  cache_creation_tokens: "cacheCreation",
  cost_micro_usd: "costMicroUsd",
  runs_without_cost: "withoutCost",
} as const;

/** The first moments of the hours between two times that 0.2.0 may have counted and Redis may still keep. */
export function legacyHours(start: number, end: number, now: number): number[] {
  const hours: number[] = [];
  const oldest = floor(now - LEGACY_KEPT_MS, HOUR_MS);
  for (let hour = Math.max(start, oldest); hour < Math.min(end, now); hour += HOUR_MS) hours.push(hour);
  return hours;
}

/** Whether 0.2.0 counted this run. It stored ids in the hour of the run: of results, the id of the event. */
export async function countedByPredecessor(redis: RedisClient, eventId: string, run: Run): Promise<boolean> {
  const id = run.outcome === "succeeded" ? eventId : run.id;
  return (await redis.sismember(legacyKeys(floor(run.endTime.getTime(), HOUR_MS)).seen, id)) === 1;
}

/** The rows of an hour as 0.2.0 stored them: fields `<JSON of agent and model> <counter>`. */
export function legacyRows(hash: Readonly<Record<string, string>>): CountedRow[] {
  const rows = new Map<string, ReturnType<typeof noCounts>>();
  for (const [field, value] of Object.entries(hash)) {
    // The row may contain spaces, but the name of a counter has none.
    const space = field.lastIndexOf(" ");
    const name = Reflect.get(NAMES, field.slice(space + 1));
    const counts = rows.get(field.slice(0, space)) ?? noCounts();
    rows.set(field.slice(0, space), counts);
    if (name !== undefined) Reflect.set(counts, name, Number(value));
  }
  return [...rows].map(([row, counts]) => {
    const [agent, model]: [string, string] = JSON.parse(row);
    return { row: { ...NO_ROW, agent, model }, counts };
  });
}
