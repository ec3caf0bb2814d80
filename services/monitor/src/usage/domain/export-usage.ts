import { COUNTERS } from "./counts.js";
import { type ExportFormat, headOf, lineOf } from "./export-lines.js";
import { checkHoursAreKept, isUtc, localDays } from "./local-days.js";
import { localIsoTime, periodAt } from "./period.js";
import { DIMENSIONS } from "./run.js";
import {
  type Buckets,
  bucketsOf,
  checkedRange,
  createSums,
  floor,
  type Range,
  type UsageFilter,
} from "./usage-report.js";
import { DAY_MS, HOUR_MS, type UsageStore } from "./usage-store.js";

export interface ExportQuery extends Range {
  /** One hour or one day. */
  readonly stepMs: number;
  readonly filter: UsageFilter;
  readonly format: ExportFormat;
}

/** The names of the columns: those of `GetUsage` where it has them. */
const NAMES: Readonly<Record<(typeof COUNTERS)[number], string>> = {
  runs: "runs",
  failed: "failed_runs",
  cancelled: "cancelled_runs",
  input: "input_tokens",
  output: "output_tokens",
  cacheRead: "cache_read_tokens",
  cacheCreation: "cache_creation_tokens",
  withoutUsage: "runs_without_usage",
  costMicroUsd: "cost_micro_usd",
  withoutCost: "runs_without_cost",
  runMs: "run_ms",
  timed: "timed_runs",
  waitMs: "queue_wait_ms",
  waited: "waited_runs",
  limited: "limited_runs",
  unclassified: "unclassified_runs",
  pricedMicroUsd: "priced_micro_usd",
  priced: "priced_runs",
};
const COLUMNS = ["start_time", ...DIMENSIONS, ...COUNTERS.map((name) => NAMES[name])];

/** Yields the text of each hour or day that has rows. Throws a Refusal for an invalid range. */
export async function* exportUsage(store: UsageStore, query: ExportQuery, now: Date): AsyncGenerator<string, void> {
  const { format, filter } = query;
  const buckets = bucketsToExport(query, now);
  if (format === "csv") yield headOf(COLUMNS, format);
  for (const { time, grain, starts } of buckets) {
    const sums = createSums({ groupBy: DIMENSIONS, filter });
    for await (const { rows } of store.read(grain, starts)) sums.add(rows);
    const lines = sums.sorted().map(({ row, counts }) => {
      const values = [...DIMENSIONS.map((dimension) => row[dimension]), ...COUNTERS.map((name) => counts[name])];
      return lineOf(COLUMNS, [time, ...values], format);
    });
    if (lines.length > 0) yield lines.join("");
  }
}

interface ExportBucket {
  readonly time: string;
  readonly grain: "hour" | "day";
  readonly starts: readonly number[];
}

function bucketsToExport({ stepMs, timeZone = "UTC", ...query }: ExportQuery, now: Date): Iterable<ExportBucket> {
  const range = checkedRange(query, now, DAY_MS);
  const isLocal = stepMs === DAY_MS && !isUtc(timeZone);
  if (isLocal) checkHoursAreKept(timeZone, periodAt("day", timeZone, range.start).startMs, now.getTime());
  // Hours, and days of UTC, are the same in every zone.
  return isLocal ? daysToExport(timeZone, range, now) : stepsToExport(bucketsOf(range, now.getTime()), stepMs);
}

function* stepsToExport({ start, end }: Pick<Buckets, "start" | "end">, stepMs: number): Generator<ExportBucket, void> {
  const grain = stepMs === HOUR_MS ? "hour" : "day";
  for (let at = floor(start, stepMs); at < end; at += stepMs)
    yield { time: new Date(at).toISOString(), grain, starts: [at] };
}

function* daysToExport(
  timeZone: string,
  range: { readonly start: number; readonly end: number },
  now: Date,
): Generator<ExportBucket, void> {
  for (const { start, hours } of localDays(timeZone, range, now.getTime()))
    yield { time: localIsoTime(timeZone, start), grain: "hour", starts: hours };
}
