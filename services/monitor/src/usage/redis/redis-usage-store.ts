import { EVENT_WORDS, EVENTS_KEPT, encodeEvent } from "@ccsp/events";
import { UsageRecorded } from "@ccsp/protos/ccsp/event/v1/event.js";
import { asList, bindScript, oneOf, orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import DataLoader from "dataloader";
import { addCounts, COUNTERS, type Counts, countsOf, noCounts } from "../domain/counts.js";
import { DIMENSIONS, NO_ROW, OTHER, OTHER_ROW, type Row, type Run } from "../domain/run.js";
import { floor } from "../domain/usage-report.js";
import {
  type Bucket,
  type CountedAttempt,
  type CountedRow,
  DAY_MS,
  HOUR_MS,
  KEPT_MS,
  MINUTE_MS,
  type Recorded,
  type UsageStore,
} from "../domain/usage-store.js";
import { legacyHours, legacyRows } from "./legacy-sums.js";
import { legacyKeys, usageKeys } from "./usage-keys.js";

/** How long ids are kept after the day's last attempt. An event is normally delivered again within minutes. */
const SEEN_MS = 48 * HOUR_MS;
/** The number of keys that are read at the same time. */
const BATCH = 64;
/** The attempts that are read at a time. They take about 0.1 MB. */
const PAGE = 500;
/** The most attempts of one script call. Other commands wait for a script, so it has to stay below 2 ms. */
const TOGETHER = 16;
/** The runs to record at the same time, so that Redis counts the first ones while this process prepares the next ones. */
export const RUNS_IN_FLIGHT = 4 * TOGETHER;

export interface UsageStoreOptions {
  /** Partitions of the event stream: counts are kept beside the events that they come from. */
  readonly partitions: number;
  /** The most rows of a bucket. */
  readonly maxRows: number;
  /** For how many days each attempt is kept by itself. 0: it is not. */
  readonly ledgerDays: number;
  readonly now?: () => number;
  /**
   * Returns what says to which counters a run adds, beside its buckets; see `readCounters`. It is asked before each
   * call. Names have no space.
   */
  readonly countersOf?: () => Promise<(run: Run) => readonly string[]>;
}

export function bindUsageScripts(redis: RedisClient) {
  const file = new URL("../../../lua/count_attempts.lua", import.meta.url);
  const keys = [
    "seen",
    "seenBefore",
    "seenAfter",
    "hour",
    "day",
    "agents",
    "events",
    "budgets",
    "ledger",
    "...minutes",
  ] as const;
  const reply = oneOf("ok", "repeat");
  return { countAttempts: bindScript(redis, file, keys, (replies) => asList(replies).map(reply)) };
}

/** Creates a store with a Redis hash per minute and dimension, per hour and per day (services/monitor/README.md). */
export function createRedisUsageStore(
  redis: RedisClient,
  { partitions, maxRows, ledgerDays, now = Date.now, countersOf }: UsageStoreOptions,
): UsageStore {
  const { countAttempts } = bindUsageScripts(redis);
  const places = Array.from({ length: partitions }, (_, partition) => usageKeys(partition));

  /** Counts runs of one partition and minute in one script call. */
  const recordTogether = async (runs: readonly [Run, ...Run[]]): Promise<(readonly [Run, Recorded])[]> => {
    const [{ partition, endTime }] = runs;
    const end = endTime.getTime();
    const counters = countersOf && (await countersOf());
    const outcomes = await countAttempts(
      (places[partition] ?? usageKeys(partition)).attempts(end),
      ...[maxRows, keptFor(end, now(), ledgerDays).join(","), BEYOND, EVENTS_KEPT],
      ...runs.flatMap((run) => {
        const about = argumentsOf(run, counters?.(run) ?? []);
        return [about.length, ...about];
      }),
    );
    return outcomes.flatMap((outcome, at) => {
      const run = runs[at];
      return run === undefined ? [] : [[run, outcome] as const];
    });
  };
  // Runs that are recorded in the same turn of the event loop share script calls. If one call fails, all of these runs
  // fail: to record a run again is safe.
  const recording = new DataLoader<Run, Recorded>(
    async (runs) => {
      const groups = new Map<string, [Run, ...Run[]]>();
      for (const run of runs) {
        const key = `${run.partition} ${floor(run.endTime.getTime(), MINUTE_MS)}`;
        const group = groups.get(key);
        if (group === undefined) groups.set(key, [run]);
        else group.push(run);
      }
      const outcomes = new Map((await Promise.all([...groups.values()].map(recordTogether))).flat());
      return runs.map((run) => outcomes.get(run) ?? new Error("the script answered for fewer attempts"));
    },
    { cache: false, maxBatchSize: TOGETHER, batchScheduleFn: setImmediate },
  );

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
    record: (run) => recording.load(run),

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

    readAttempts: async function* (day) {
      for (const place of places) {
        for (let after = "-"; after !== ""; ) {
          const entries = await orUnavailable(redis, () => redis.xrange(place.ledger(day), after, "+", "COUNT", PAGE));
          if (entries.length > 0) yield entries.map(([, fields]) => attemptOf(fields));
          const last = entries[PAGE - 1]?.[0];
          after = last === undefined ? "" : `(${last}`;
        }
      }
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
  return Object.entries(hash).map(([field, counts]) => ({ row: decodeRow(field), counts: decodeCounts(counts) }));
}

function decodeRow(text: string): Row {
  const [agent = "", engine = "", account = "", model = "", priority = "", label = ""]: string[] = JSON.parse(text);
  return { agent, engine, account, model, priority, label };
}

function attemptOf(entry: readonly string[]): CountedAttempt {
  const fields = new Map(entry.flatMap((name, at) => (at % 2 === 0 ? [[name, entry[at + 1]] as const] : [])));
  const text = (name: string): string => fields.get(name) ?? "";
  return {
    id: text("id"),
    attempt: text("attempt") === "" ? undefined : Number(text("attempt")),
    endMs: Number(text("end")),
    row: decodeRow(text("row") || "[]"),
    counts: decodeCounts(text("counts")),
  };
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

/** How long the script keeps what it writes, in ms and in its order. */
function keptFor(endMs: number, nowMs: number, ledgerDays: number): number[] {
  const left = (lengthMs: number, keptMs: number): number =>
    Math.max(0, floor(endMs, lengthMs) + lengthMs + keptMs - nowMs);
  return [
    SEEN_MS,
    left(HOUR_MS, KEPT_MS.hour),
    left(DAY_MS, KEPT_MS.day),
    left(DAY_MS, KEPT_MS.agents),
    ledgerDays === 0 ? 0 : left(DAY_MS, ledgerDays * DAY_MS),
    left(MINUTE_MS, KEPT_MS.minute),
  ];
}

/** Returns the arguments of the script for one attempt. */
function argumentsOf(run: Run, counters: readonly string[]): (string | number)[] {
  const { row } = run;
  const plain = { ...row, model: row.model && OTHER, label: row.label && OTHER };
  return [
    run.id,
    encodeCounts(countsOf(run)),
    run.endTime.getTime(),
    row.agent,
    encodeRow(row),
    encodeRow(plain),
    counters.join(" "),
    run.attempt ?? "",
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
    outcomeEnum: EVENT_WORDS.outcome[outcome],
    usage: tokens && {
      inputTokens: BigInt(tokens.input),
      outputTokens: BigInt(tokens.output),
      cacheReadTokens: BigInt(tokens.cacheRead),
      cacheCreationTokens: BigInt(tokens.cacheCreation),
    },
    costUsd: costMicroUsd === undefined ? undefined : costMicroUsd / 1e6,
  });
}
