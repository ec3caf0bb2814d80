import { bindScript, oneOf, orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import type { Run, Usage } from "../domain/run.js";
import { HOUR_MS, MAX_RANGE_MS } from "../domain/usage-report.js";
import type { UsageStore } from "../domain/usage-store.js";

/** The sums are kept longer than the longest range that a query may have, including its rounding to hours. */
const KEEP_SUMS_MS = MAX_RANGE_MS + 24 * HOUR_MS;
/**
 * An event is normally delivered again within minutes. But a consumer group that was made again reads everything that
 * the stream still holds.
 */
const KEEP_SEEN_MS = 24 * HOUR_MS;
/** The number of hours that are read at the same time. */
const BATCH = 64;

/**
 * Returns the keys of one hour. The {braces} put both keys of an hour on one cluster node, and spread the hours over
 * the nodes.
 */
function usageKeys(hourMs: number): { sums: string; seen: string } {
  const prefix = `ccsp:usage:{${new Date(hourMs).toISOString().slice(0, 13)}}:`;
  return { sums: `${prefix}sums`, seen: `${prefix}seen` };
}

export function bindUsageScripts(redis: RedisClient) {
  const file = new URL("../../lua/record_run.lua", import.meta.url);
  return { recordRun: bindScript(redis, file, ["sums", "seen"], oneOf("ok", "repeat")) };
}

/** Creates a store with one Redis hash per hour, which is kept for 32 days. */
export function createRedisUsageStore(redis: RedisClient): UsageStore {
  const { recordRun } = bindUsageScripts(redis);
  return {
    record: (run) => recordRun(usageKeys(startOfHour(run.endTime)), run.id, rowOf(run), ...countersOf(run)),
    read: async (hours) => {
      const found: Usage[] = [];
      for (let from = 0; from < hours.length; from += BATCH) {
        const batch = hours.slice(from, from + BATCH);
        const sums = await orUnavailable(redis, () =>
          Promise.all(batch.map((hour) => redis.hgetall(usageKeys(hour).sums))),
        );
        for (const hash of sums) found.push(...readRows(hash));
      }
      return found;
    },
  };
}

const startOfHour = (time: Date): number => Math.floor(time.getTime() / HOUR_MS) * HOUR_MS;

const rowOf = (run: Run): string => JSON.stringify([run.agent, run.model]);

/** Returns ARGV 3 to 12 of the script. */
function countersOf({ failed, tokens, costMicroUsd }: Run): (string | number)[] {
  const { input, output, cacheRead, cacheCreation } = tokens;
  const unknown = costMicroUsd === undefined ? 1 : 0;
  const numbers = [input, output, cacheRead, cacheCreation, costMicroUsd ?? 0n].map(String);
  return [KEEP_SUMS_MS, KEEP_SEEN_MS, 1, failed ? 1 : 0, ...numbers, unknown];
}

function readRows(hash: Readonly<Record<string, string>>): Usage[] {
  const rows = new Map<string, Map<string, bigint>>();
  for (const [field, value] of Object.entries(hash)) {
    // The row may contain spaces, but the name of a counter has none.
    const space = field.lastIndexOf(" ");
    const row = field.slice(0, space);
    const counters = rows.get(row) ?? new Map<string, bigint>();
    rows.set(row, counters.set(field.slice(space + 1), BigInt(value)));
  }
  return [...rows].map(([row, counters]) => toUsage(row, (name) => counters.get(name) ?? 0n));
}

function toUsage(row: string, counter: (name: string) => bigint): Usage {
  const [agent, model]: [string, string] = JSON.parse(row);
  return {
    agent,
    model,
    runs: counter("runs"),
    failedRuns: counter("failed_runs"),
    tokens: {
      input: counter("input_tokens"),
      output: counter("output_tokens"),
      cacheRead: counter("cache_read_tokens"),
      cacheCreation: counter("cache_creation_tokens"),
    },
    costMicroUsd: counter("cost_micro_usd"),
    runsWithoutCost: counter("runs_without_cost"),
  };
}
