import { COUNTERS } from "./counts.js";
import { type ExportFormat, headOf, lineOf } from "./export-lines.js";
import { DIMENSIONS } from "./run.js";
import { bucketsOf, checkedRange, createSums, floor, type Range, type UsageFilter } from "./usage-report.js";
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
  const range = checkedRange(query, now, DAY_MS);
  const grain = query.stepMs === HOUR_MS ? "hour" : "day";
  const { start, end } = bucketsOf(range, now.getTime());
  if (query.format === "csv") yield headOf(COLUMNS, query.format);
  for (let at = floor(start, query.stepMs); at < end; at += query.stepMs) {
    const sums = createSums({ groupBy: DIMENSIONS, filter: query.filter });
    for await (const { rows } of store.read(grain, [at])) sums.add(rows);
    const time = new Date(at).toISOString();
    const lines = sums.sorted().map(({ row, counts }) => {
      const values = [...DIMENSIONS.map((dimension) => row[dimension]), ...COUNTERS.map((name) => counts[name])];
      return lineOf(COLUMNS, [time, ...values], query.format);
    });
    if (lines.length > 0) yield lines.join("");
  }
}
