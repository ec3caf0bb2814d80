import { type FieldViolation, invalidFields, type Refusal } from "@ccsp/errors";
import { addCounts, type Counts, noCounts } from "./counts.js";
import { checkHoursAreKept, isUtc, localDays, oldestDay } from "./local-days.js";
import { periodAt } from "./period.js";
import { DIMENSIONS, OTHER_ROW, type Row } from "./run.js";
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
/** A point takes about 100 bytes of an answer, which may have 16 MiB. */
const MAX_POINTS = 100_000;

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
  readonly end: number;
  /** A step of days of a time zone may be an hour longer or shorter. */
  readonly stepMs: number;
  readonly steps: number;
}

/**
 * Returns one series per combination of the grouping: the ones with the most runs, and the sum of the rest in one.
 * Throws a Refusal for an invalid query.
 */
export async function reportTimeSeries(store: UsageStore, query: SeriesQuery, now: Date): Promise<TimeSeries> {
  const plan = planOf(store, query, now);
  const { groupBy } = query;
  const all = new Map<string, Series>();
  const seriesOf = (row: Row): Series => {
    const key = keyOf(row, groupBy);
    const found = all.get(key) ?? newSeries(project(row, groupBy));
    all.set(key, found);
    return found;
  };
  await readRows(plan, query, (row, step, counts) => {
    const found = seriesOf(row);
    // The points of all series could be millions. With too many series, what is read is read again.
    if (all.size <= plan.most) addPoint(found, step, counts);
    else addCounts(found.sum, counts);
  });
  const sorted = [...all.values()].sort((a, b) => b.sum.runs - a.sum.runs || compareRows(a.row, b.row));
  const series = sorted.length <= plan.most ? sorted : await largestOf(sorted.slice(0, plan.most), plan, query);
  if (series.reduce((sum, { points }) => sum + points.size, 0) > MAX_POINTS) throw tooManyPoints();
  const { start, end, stepMs, steps } = plan;
  return { series, start, end, stepMs, steps };
}

const tooManyPoints = (): Refusal => {
  const description = `makes an answer of more than ${MAX_POINTS} points: ask for fewer series, or use a longer step`;
  return invalidFields([{ field: "max_series", description }]);
};

/** Reads these series again, with their points, and sums the rest in one. */
async function largestOf(largest: readonly Series[], plan: Plan, query: SeriesQuery): Promise<readonly Series[]> {
  const { groupBy } = query;
  const kept = new Map(largest.map(({ row }) => [keyOf(row, groupBy), newSeries(row)]));
  const rest = newSeries(project(OTHER_ROW, groupBy));
  await readRows(plan, query, (row, step, counts) => addPoint(kept.get(keyOf(row, groupBy)) ?? rest, step, counts));
  return [...kept.values(), rest];
}

/** Calls `take` with each row that the query matches, and with the first moment of its step. */
async function readRows(
  { stepOf, read }: Plan,
  { filter }: SeriesQuery,
  take: (row: Row, step: number, counts: Readonly<Counts>) => void,
): Promise<void> {
  for await (const { start: at, rows } of read()) {
    const step = stepOf(at);
    for (const { row, counts } of rows) if (matches(filter, row)) take(row, step, counts);
  }
}

const newSeries = (row: Row): Series => ({ row, sum: noCounts(), points: new Map() });

function addPoint({ sum, points }: Series, step: number, counts: Readonly<Counts>): void {
  addCounts(sum, counts);
  const point = points.get(step) ?? noCounts();
  points.set(step, point);
  addCounts(point, counts);
}

interface Plan {
  readonly start: number;
  readonly end: number;
  readonly stepMs: number;
  readonly steps: number;
  /** The first moment of the step that has this bucket. */
  readonly stepOf: (bucket: number) => number;
  /** The most series besides the sum of the rest. */
  readonly most: number;
  readonly read: () => AsyncIterable<Bucket>;
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
  const { timeZone = "UTC" } = query;
  const isLocal = stepMs % DAY_MS === 0 && !isUtc(timeZone);
  const usualMs = DEFAULT_STEPS * stepMs;
  const range = checkedRange(query, now, isLocal ? Math.min(usualMs, MAX_RANGE_MS) : usualMs);
  const most = query.maxSeries === 0 ? DEFAULT_SERIES : query.maxSeries;
  if (isLocal) {
    // A caller that names no start gets the days that are kept. An end before them is refused below.
    const oldest = oldestDay(timeZone, now.getTime());
    const start = query.start === undefined && oldest < range.end ? Math.max(range.start, oldest) : range.start;
    return { ...stepsOfDays(store, timeZone, { ...range, start, stepMs }, now), most };
  }
  const [start, end] = [floor(range.start, stepMs), ceil(range.end, stepMs)];
  const steps = (end - start) / stepMs;
  if (steps > MAX_STEPS) refuse("step", `the range has more than ${MAX_STEPS} steps: use a longer step`);
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
  const read = () => (grain === "minute" ? store.readMinutes(used[0] ?? "engine", starts) : store.read(grain, starts));
  const stepOf = (bucket: number): number => start + floor(bucket - start, stepMs);
  return { start, end, stepMs, steps, most, stepOf, read };
}

/** Steps of one or more days of a time zone, from the day of the range's start on. They are summed from hours. */
function stepsOfDays(
  store: UsageStore,
  timeZone: string,
  { stepMs, ...range }: { readonly start: number; readonly end: number; readonly stepMs: number },
  now: Date,
): Omit<Plan, "most"> {
  const { startMs: start } = periodAt("day", timeZone, range.start);
  checkHoursAreKept(timeZone, start, now.getTime());
  const days = [...localDays(timeZone, range, now.getTime())];
  const each = stepMs / DAY_MS;
  const steps = new Map(
    days.flatMap(({ hours }, at) => hours.map((hour) => [hour, days[at - (at % each)]?.start ?? start])),
  );
  const { endMs: end } = periodAt("day", timeZone, days.at(-1)?.start ?? start);
  return {
    ...{ start, end, stepMs, steps: Math.ceil(days.length / each) },
    stepOf: (hour) => steps.get(hour) ?? start,
    read: () => store.read("hour", [...steps.keys()]),
  };
}
