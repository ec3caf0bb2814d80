import { type FieldViolation, invalidFields } from "@ccsp/errors";
import { addCounts, type Counts, noCounts } from "./counts.js";
import { DIMENSIONS, type Dimension, OTHER_ROW, type Row } from "./run.js";
import {
  ceil,
  checkedRange,
  compareRows,
  floor,
  keyOf,
  MAX_RANGE_MS,
  matches,
  project,
  type UsageQuery,
} from "./usage-report.js";
import { type Bucket, DAY_MS, HOUR_MS, KEPT_MS, MINUTE_MS, type UsageStore } from "./usage-store.js";

const MAX_STEPS = 3_000;
const DEFAULT_STEPS = 60;
const DEFAULT_SERIES = 20;
const MAX_SERIES = 100;

export interface SeriesQuery extends UsageQuery {
  readonly stepMs: number | undefined;
  readonly maxSeries: number;
}

export interface Series {
  readonly row: Row;
  readonly sum: Counts;
  /** By the first moment of each step. */
  readonly points: Map<number, Counts>;
}

export interface TimeSeries {
  readonly series: readonly Series[];
  readonly start: number;
  readonly stepMs: number;
  readonly steps: number;
}

/** Returns one series per combination of the grouping. Throws a Refusal for an invalid query. */
export async function reportTimeSeries(store: UsageStore, query: SeriesQuery, now: Date): Promise<TimeSeries> {
  const { start, end, stepMs, read } = planOf(store, query, now);
  const series = new Map<string, Series>();
  for await (const { start: at, rows } of read) {
    const step = start + floor(at - start, stepMs);
    for (const { row, counts } of rows) {
      if (!matches(query.filter, row)) continue;
      const key = keyOf(row, query.groupBy);
      let found = series.get(key);
      if (found === undefined) {
        found = { row: project(row, query.groupBy), sum: noCounts(), points: new Map() };
        series.set(key, found);
      }
      addPoint(found, step, counts);
    }
  }
  const most = query.maxSeries === 0 ? DEFAULT_SERIES : query.maxSeries;
  return { series: largest([...series.values()], most, query.groupBy), start, stepMs, steps: (end - start) / stepMs };
}

function addPoint({ sum, points }: Series, step: number, counts: Readonly<Counts>): void {
  addCounts(sum, counts);
  const point = points.get(step) ?? noCounts();
  points.set(step, point);
  addCounts(point, counts);
}

/** Keeps the series with the most runs and sums the rest in one. */
function largest(all: readonly Series[], most: number, groupBy: readonly Dimension[]): Series[] {
  const sorted = all.toSorted((a, b) => b.sum.runs - a.sum.runs || compareRows(a.row, b.row));
  if (sorted.length <= most) return sorted;
  const rest: Series = { row: project(OTHER_ROW, groupBy), sum: noCounts(), points: new Map() };
  for (const { points } of sorted.slice(most)) for (const [step, counts] of points) addPoint(rest, step, counts);
  return [...sorted.slice(0, most), rest];
}

interface Plan {
  readonly start: number;
  readonly end: number;
  readonly stepMs: number;
  readonly read: AsyncIterable<Bucket>;
}

function planOf(store: UsageStore, query: SeriesQuery, now: Date): Plan {
  const stepMs = query.stepMs ?? MINUTE_MS;
  const faults: FieldViolation[] = [];
  const refuse = (field: string, description: string): void => void faults.push({ field, description });
  // The range is rounded out to steps, so a longer step would read more than the longest range.
  if (!(stepMs > 0 && stepMs <= MAX_RANGE_MS) || stepMs % MINUTE_MS !== 0)
    refuse("step", "must be a whole number of minutes, at least one, and at most two years");
  if (!(query.maxSeries >= 0 && query.maxSeries <= MAX_SERIES)) refuse("max_series", `must be 0 to ${MAX_SERIES}`);
  if (faults.length > 0) throw invalidFields(faults);
  const range = checkedRange(query, now, DEFAULT_STEPS * stepMs);
  const [start, end] = [floor(range.start, stepMs), ceil(range.end, stepMs)];
  if ((end - start) / stepMs > MAX_STEPS)
    refuse("step", `the range has more than ${MAX_STEPS} steps: use a longer step`);
  if (faults.length > 0) throw invalidFields(faults);

  const grain = stepMs % DAY_MS === 0 ? "day" : stepMs % HOUR_MS === 0 ? "hour" : "minute";
  const unit = { day: DAY_MS, hour: HOUR_MS, minute: MINUTE_MS }[grain];
  if (end <= now.getTime() - KEPT_MS[grain] || start < floor(now.getTime() - KEPT_MS[grain], stepMs))
    refuse("step", `counts by the ${grain} are not kept that long: use a longer step`);
  const starts = Array.from({ length: Math.ceil((end - start) / unit) }, (_, at) => start + at * unit);
  const used = DIMENSIONS.filter((each) => query.groupBy.includes(each) || query.filter[each] !== undefined);
  if (grain === "minute" && used.length > 1)
    refuse("step", "below an hour, grouping and filter can use only one dimension together: use whole hours");
  if (faults.length > 0) throw invalidFields(faults);
  // Every run has an engine, and there are few, so it is the cheapest dimension to sum everything by.
  const read = grain === "minute" ? store.readMinutes(used[0] ?? "engine", starts) : store.read(grain, starts);
  return { start, end, stepMs, read };
}
