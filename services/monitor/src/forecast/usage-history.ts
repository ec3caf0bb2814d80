import type { Counts } from "../usage/domain/counts.js";
import { DIMENSIONS, type Dimension, NO_ROW } from "../usage/domain/run.js";
import { ceil, floor, matches, type UsageFilter } from "../usage/domain/usage-report.js";
import { type CountedRow, DAY_MS, HOUR_MS, MINUTE_MS, type UsageStore } from "../usage/domain/usage-store.js";
import { TESTED_STEPS } from "./domain/backtest.js";
import { type History, historyOf, type Metric, STEP_MS, STEPS_PER_HOUR } from "./domain/history.js";

/** The longest horizon. */
export const MOST_AHEAD = 6 * STEPS_PER_HOUR;
/** The first test of the last day looks back two hours, and the last one ends a horizon ago. */
const STEPS = TESTED_STEPS + MOST_AHEAD + 2 * STEPS_PER_HOUR;
const HOURS = 14 * 24;
/** Late events may still change what ended less than this long ago. */
const SETTLED_MS = 30 * MINUTE_MS;
/** What is not settled is read again after this time. */
const FRESH_MS = 10_000;

/** The usage that a forecast reads. */
export interface UsageHistory {
  readonly history: History;
  /** Runs of the last day, and those whose number is not known. */
  readonly runs: number;
  readonly unknown: number;
}

/**
 * Reads histories of usage, and keeps in memory what does not change any more: per dimension, at most 32 hours in steps
 * and 14 days in hours, with as many values as the buckets of usage have. A value of a bucket takes about 200 bytes.
 */
export interface UsageHistories {
  /** The filter has at most one dimension. */
  read(filter: UsageFilter, metric: Metric, now: Date): Promise<UsageHistory>;
  /** The usage of a time in the last 14 days. It is rounded to steps, and to hours where it is older than 32 hours. */
  sum(filter: UsageFilter, startMs: number, endMs: number, now: Date): Promise<Known>;
}

/** Sums by the value of the dimension. */
type Sums = Map<string, Mutable>;
type Mutable = { -readonly [K in keyof Known]: number };
/** Sums of usage. `cost` is in micro-dollars, of the runs whose cost is known. */
export interface Known {
  readonly tokens: number;
  readonly cost: number;
  readonly requests: number;
  readonly withoutUsage: number;
  readonly withoutCost: number;
}
interface Bucket {
  readonly sums: Sums;
  readonly readMs: number;
}

interface Refresh {
  readonly starts: readonly number[];
  readonly lengthMs: number;
  readonly nowMs: number;
  readonly dimension: Dimension;
  readonly load: (missing: readonly number[]) => AsyncIterable<{ start: number; rows: readonly CountedRow[] }>;
}

export function createUsageHistories(store: UsageStore): UsageHistories {
  const caches = new Map<
    Dimension,
    { steps: Map<number, Bucket>; hours: Map<number, Bucket>; busy: Promise<unknown> }
  >();
  const cacheOf = (dimension: Dimension) => {
    let cache = caches.get(dimension);
    if (cache === undefined)
      caches.set(dimension, (cache = { steps: new Map(), hours: new Map(), busy: Promise.resolve() }));
    return cache;
  };

  /** Drops old buckets, and reads those that are missing or may have changed. */
  async function refresh(cache: Map<number, Bucket>, { starts, lengthMs, nowMs, dimension, load }: Refresh) {
    const [first = 0] = starts;
    for (const start of cache.keys()) if (start < first) cache.delete(start);
    const missing = starts.filter((start) => {
      const known = cache.get(start);
      if (known === undefined) return true;
      return known.readMs < start + lengthMs + SETTLED_MS && known.readMs < nowMs - FRESH_MS;
    });
    const read = new Map<number, Sums>(missing.map((start) => [start, new Map()]));
    for await (const { start, rows } of load(missing)) {
      const sums = read.get(floor(start, lengthMs));
      if (sums) for (const { row, counts } of rows) add(sums, row[dimension], counts);
    }
    for (const [start, sums] of read) cache.set(start, { sums, readMs: nowMs });
  }

  /** The steps and hours that the filter matches, up to the present step. */
  async function load(filter: UsageFilter, now: Date) {
    // Every run has an engine, and there are few, so it is the cheapest dimension to sum everything by.
    const [dimension = "engine", ...more] = DIMENSIONS.filter((each) => filter[each] !== undefined);
    if (more.length > 0) throw new TypeError(`a history is of one dimension, not also of ${more.join(", ")}`);
    const cache = cacheOf(dimension);
    const nowMs = now.getTime();
    const end = floor(nowMs, STEP_MS);
    const lastHour = floor(end, HOUR_MS);
    const stepStarts = Array.from({ length: STEPS + 1 }, (_, at) => end - (STEPS - at) * STEP_MS);
    const hourStarts = Array.from({ length: HOURS }, (_, at) => lastHour - (HOURS - at) * HOUR_MS);
    // One reader at a time, so that callers at the same moment do not all read the same.
    const readBoth = async (): Promise<void> => {
      const minutes = (missing: readonly number[]) => store.readMinutes(dimension, missing.flatMap(minutesOf));
      await refresh(cache.steps, { starts: stepStarts, lengthMs: STEP_MS, nowMs, dimension, load: minutes });
      const hours = (missing: readonly number[]) => store.read("hour", missing);
      await refresh(cache.hours, { starts: hourStarts, lengthMs: HOUR_MS, nowMs, dimension, load: hours });
    };
    const reading = cache.busy.then(readBoth);
    cache.busy = reading.catch(() => {});
    await reading;
    const sumOf = (bucket: Bucket | undefined): Known => {
      const sum = nothing();
      const wanted = filter[dimension];
      // A row may hold several labels. Every other value is one of the bucket, which is found at once.
      if (wanted !== undefined && dimension !== "label") addTo(sum, bucket?.sums.get(wanted) ?? NOTHING);
      else
        for (const [value, sums] of bucket?.sums ?? [])
          if (matches(filter, { ...NO_ROW, [dimension]: value })) addTo(sum, sums);
      return sum;
    };
    const of = (from: Map<number, Bucket>) => (start: number) => ({ start, sum: sumOf(from.get(start)) });
    return { end, steps: stepStarts.map(of(cache.steps)), hours: hourStarts.map(of(cache.hours)) };
  }

  return {
    read: async (filter, metric, now) => {
      const { end, steps, hours } = await load(filter, now);
      const whole = steps.slice(0, -1);
      const lastDay = nothing();
      for (const { sum } of whole.slice(-DAY_MS / STEP_MS)) addTo(lastDay, sum);
      const unknown = { tokens: lastDay.withoutUsage, cost: lastDay.withoutCost, requests: 0 }[metric];
      const numbers = (of: readonly { readonly sum: Known }[]): number[] => of.map(({ sum }) => sum[metric]);
      return { history: historyOf(end, numbers(whole), numbers(hours)), runs: lastDay.requests, unknown };
    },

    sum: async (filter, startMs, endMs, now) => {
      const { steps, hours } = await load(filter, now);
      const sum = nothing();
      // Steps begin at a whole hour, so that no usage counts twice.
      const boundary = ceil(steps[0]?.start ?? 0, HOUR_MS);
      for (const { start, sum: hour } of hours)
        if (start < boundary && start + HOUR_MS > startMs && start < endMs) addTo(sum, hour);
      for (const { start, sum: step } of steps)
        if (start >= boundary && start + STEP_MS > startMs && start < endMs) addTo(sum, step);
      return sum;
    },
  };
}

const minutesOf = (step: number): number[] =>
  Array.from({ length: STEP_MS / MINUTE_MS }, (_, at) => step + at * MINUTE_MS);

const NOTHING: Known = { tokens: 0, cost: 0, requests: 0, withoutUsage: 0, withoutCost: 0 };

const nothing = (): Mutable => ({ ...NOTHING });

function addTo(sum: Mutable, more: Known): void {
  sum.tokens += more.tokens;
  sum.cost += more.cost;
  sum.requests += more.requests;
  sum.withoutUsage += more.withoutUsage;
  sum.withoutCost += more.withoutCost;
}

function add(sums: Sums, value: string, counts: Readonly<Counts>): void {
  let sum = sums.get(value);
  if (sum === undefined) sums.set(value, (sum = nothing()));
  sum.tokens += counts.input + counts.output + counts.cacheRead + counts.cacheCreation;
  sum.cost += counts.costMicroUsd;
  sum.requests += counts.runs;
  sum.withoutUsage += counts.withoutUsage;
  sum.withoutCost += counts.withoutCost;
}
