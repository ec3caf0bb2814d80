import { EVENTS_KEPT, encodeEvent } from "@ccsp/events";
import { UsageRecorded } from "@ccsp/protos/ccsp/event/v1/event.js";
import { bindScript, oneOf, orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import { addCounts, COUNTERS, type Counts, countsOf, noCounts } from "../domain/counts.js";
import { DIMENSIONS, NO_ROW, OTHER, OTHER_ROW, type Row, type Run } from "../domain/run.js";
import { floor } from "../domain/usage-report.js";
import {
  type Bucket,
  type CountedRow,
  DAY_MS,
  HOUR_MS,
  KEPT_MS,
  MINUTE_MS,
  type UsageStore,
} from "../domain/usage-store.js";
import { legacyHours, legacyRows } from "./legacy-sums.js";
import { legacyKeys, usageKeys } from "./usage-keys.js";

/** How long ids are kept after the day's last attempt. An event is normally delivered again within minutes. */
const SEEN_MS = 48 * HOUR_MS;
/** The number of keys that are read at the same time. */
const BATCH = 64;

export interface UsageStoreOptions {
  /** Partitions of the event stream: counts are kept beside the events that they come from. */
  readonly partitions: number;
  /** The most rows of a bucket. */
  readonly maxRows: number;
  readonly now?: () => number;
  /** The counters that a run adds to, beside its buckets; see `readCounters`. Names have no space. */
  readonly countersOf?: (run: Run) => Promise<readonly string[]>;
}

export function bindUsageScripts(redis: RedisClient) {
  const file = new URL("../../../lua/count_attempt.lua", import.meta.url);
  const keys = ["seen", "seenBefore", "seenAfter", "hour", "day", "agents", "events", "budgets", "...minutes"] as const;
  return { countAttempt: bindScript(redis, file, keys, oneOf("ok", "repeat")) };
}

/** Creates a store with a Redis hash per minute and dimension, per hour and per day (services/monitor/README.md). */
export function createRedisUsageStore(
  redis: RedisClient,
  { partitions, maxRows, now = Date.now, countersOf }: UsageStoreOptions,
): UsageStore {
  const { countAttempt } = bindUsageScripts(redis);
  const places = Array.from({ length: partitions }, (_, partition) => usageKeys(partition));

  /** The hashes at these keys, a few at a time, with what each key stands for. */
  async function* hashes<T>(
    keys: readonly (readonly [string, T])[],
  ): AsyncGenerator<[Record<string, string>, T], void> {
    for (let from = 0; from < keys.length; from += BATCH) {
      const batch = keys.slice(from, from + BATCH);
      const found = await orUnavailable(redis, () => Promise.all(batch.map(([key]) => redis.hgetall(key))));
      for (const [at, [, of]] of batch.entries()) yield [found[at] ?? {}, of];
    }
  }
  const inEachPlace = (
    starts: readonly number[],
    key: (place: ReturnType<typeof usageKeys>, start: number) => string,
  ): (readonly [string, number])[] =>
    starts.flatMap((start) => places.map((place) => [key(place, start), start] as const));

  return {
    record: async (run) => {
      const end = run.endTime.getTime();
      const counters = countersOf === undefined ? [] : await countersOf(run);
      return countAttempt(
        (places[run.partition] ?? usageKeys(run.partition)).attempt(end),
        ...argumentsOf(run, { maxRows, nowMs: now(), counters }),
      );
    },

    read: async function* (grain, starts) {
      const lengthMs = grain === "hour" ? HOUR_MS : DAY_MS;
      const keys = starts.flatMap((start) => [
        ...inEachPlace([start], (place) => place[grain](start)).map(([key]) => [key, { start, rows: rowsOf }] as const),
        ...legacyHours(start, start + lengthMs, now()).map(
          (hour) => [legacyKeys(hour).sums, { start, rows: legacyRows }] as const,
        ),
      ]);
      for await (const [hash, { start, rows }] of hashes(keys)) yield { start, rows: rows(hash) };
    },

    readMinutes: async function* (dimension, starts): AsyncGenerator<Bucket, void> {
      const keys = inEachPlace(starts, (place, start) => place.minute(dimension, start));
      for await (const [hash, start] of hashes(keys))
        yield {
          start,
          rows: Object.entries(hash).map(([value, counts]) => ({
            row: { ...NO_ROW, [dimension]: value },
            counts: decodeCounts(counts),
          })),
        };
    },

    readCounters: async () => {
      const sums = new Map<string, Counts>();
      const found = await orUnavailable(redis, () => Promise.all(places.map(({ budgets }) => redis.hgetall(budgets))));
      for (const [name, value] of found.flatMap((hash) => Object.entries(hash))) {
        const sum = sums.get(name) ?? noCounts();
        addCounts(sum, decodeCounts(value));
        sums.set(name, sum);
      }
      return sums;
    },

    dropCounters: async (names) => {
      if (names.length === 0) return;
      await orUnavailable(redis, () => Promise.all(places.map(({ budgets }) => redis.hdel(budgets, ...names))));
    },

    readAgents: async function* (days, agent) {
      for await (const [hash, day] of hashes(inEachPlace(days, (place, day) => place.agents(day))))
        for (const [name, value] of Object.entries(hash)) {
          if (agent !== "" && agent !== name) continue;
          const [last = "", counts = ""] = value.split(";");
          yield { agent: name, day, lastEndMs: Number(last), counts: decodeCounts(counts) };
        }
    },
  };
}

const BEYOND = encodeRow(OTHER_ROW);

/** A row of hashes of hours and days, as their field. */
function encodeRow(row: Row): string {
  return JSON.stringify(DIMENSIONS.map((dimension) => row[dimension]));
}

function rowsOf(hash: Readonly<Record<string, string>>): CountedRow[] {
  return Object.entries(hash).map(([field, counts]) => {
    const [agent = "", engine = "", account = "", model = "", priority = "", label = ""]: string[] = JSON.parse(field);
    return { row: { agent, engine, account, model, priority, label }, counts: decodeCounts(counts) };
  });
}

const encodeCounts = (counts: Readonly<Counts>): string => COUNTERS.map((name) => counts[name]).join(",");

function decodeCounts(text: string): Counts {
  const counts = noCounts();
  for (const [at, number] of text.split(",").entries()) {
    const name = COUNTERS[at];
    if (name !== undefined) counts[name] = Number(number);
  }
  return counts;
}

/** Returns ARGV of the script. */
function argumentsOf(
  run: Run,
  { maxRows, nowMs, counters }: { maxRows: number; nowMs: number; counters: readonly string[] },
): (string | number)[] {
  const { row } = run;
  const end = run.endTime.getTime();
  const left = (lengthMs: number, keptMs: number): number =>
    Math.max(0, floor(end, lengthMs) + lengthMs + keptMs - nowMs);
  const keep = [
    SEEN_MS,
    left(HOUR_MS, KEPT_MS.hour),
    left(DAY_MS, KEPT_MS.day),
    left(DAY_MS, KEPT_MS.agents),
    left(MINUTE_MS, KEPT_MS.minute),
  ];
  const plain = { ...row, model: row.model && OTHER, label: row.label && OTHER };
  return [
    run.id,
    encodeCounts(countsOf(run)),
    maxRows,
    keep.join(","),
    end,
    row.agent,
    encodeRow(row),
    encodeRow(plain),
    BEYOND,
    EVENTS_KEPT,
    counters.join(" "),
    ...DIMENSIONS.map((dimension) => row[dimension]),
    ...encodeEvent({
      id: `monitor:usage/${run.id}`,
      time: run.endTime,
      data: { $case: "usageRecorded", value: recorded(run) },
      taskId: run.taskId,
      agentId: row.agent,
      traceparent: run.traceparent,
    }),
  ];
}

function recorded({ id, row, outcome, tokens, costMicroUsd }: Run): UsageRecorded {
  const { engine, model, account, priority, label } = row;
  return UsageRecorded.fromPartial({
    attemptId: id,
    engine,
    model,
    account,
    priority,
    label,
    outcome,
    usage: tokens && {
      inputTokens: BigInt(tokens.input),
      outputTokens: BigInt(tokens.output),
      cacheReadTokens: BigInt(tokens.cacheRead),
      cacheCreationTokens: BigInt(tokens.cacheCreation),
    },
    costUsd: costMicroUsd === undefined ? undefined : costMicroUsd / 1e6,
  });
}
