import { type FieldViolation, invalidFields } from "@ccsp/errors";
import { addCounts, type Counts, noCounts } from "./counts.js";
import { checkHoursAreKept, firstHour, isUtc } from "./local-days.js";
import { DIMENSIONS, type Dimension, OTHER, type Row } from "./run.js";
import { type CountedRow, DAY_MS, HOUR_MS, KEPT_MS, type UsageStore } from "./usage-store.js";

/** Two years and a day. */
export const MAX_RANGE_MS = KEPT_MS.day;
const DEFAULT_RANGE_MS = DAY_MS;

export interface Range {
  readonly start: Date | undefined;
  readonly end: Date | undefined;
  /** Whose days are meant. Absent: UTC. */
  readonly timeZone?: string | undefined;
}

/** Only usage with these values. An absent one matches everything. */
export type UsageFilter = Partial<Row>;

export interface UsageQuery extends Range {
  readonly groupBy: readonly Dimension[];
  readonly filter: UsageFilter;
}

export interface UsageReport {
  readonly rows: readonly CountedRow[];
  readonly start: Date;
  readonly end: Date;
}

/** Returns one row per combination of the grouping over the range, sorted. Throws a Refusal for an invalid query. */
export async function reportUsage(store: UsageStore, query: UsageQuery, now: Date): Promise<UsageReport> {
  const { timeZone = "UTC" } = query;
  const range = checkedRange(query, now, DEFAULT_RANGE_MS);
  checkHoursAreKept(timeZone, range.start, now.getTime());
  const { hours, days, start, end } = bucketsOf(range, now.getTime(), timeZone);
  const sums = createSums(query);
  for await (const { rows } of store.read("hour", hours)) sums.add(rows);
  for await (const { rows } of store.read("day", days)) sums.add(rows);
  return { rows: sums.sorted(), start: new Date(start), end: new Date(end) };
}

/** Sums rows by the dimensions of a grouping, and drops those that the filter does not match. */
export function createSums({ groupBy, filter }: Pick<UsageQuery, "groupBy" | "filter">) {
  const sums = new Map<string, { readonly row: Row; readonly counts: Counts }>();
  return {
    add(rows: readonly CountedRow[]): void {
      for (const { row, counts } of rows) {
        if (!matches(filter, row)) continue;
        const key = keyOf(row, groupBy);
        let sum = sums.get(key);
        if (sum === undefined) {
          sum = { row: project(row, groupBy), counts: noCounts() };
          sums.set(key, sum);
        }
        addCounts(sum.counts, counts);
      }
    },
    sorted: (): CountedRow[] => [...sums.values()].sort((a, b) => compareRows(a.row, b.row)),
  };
}

/** A text that is the same for rows of one combination of the grouping. */
export const keyOf = (row: Row, groupBy: readonly Dimension[]): string =>
  groupBy.map((dimension) => row[dimension]).join("\0");

export const project = (row: Row, groupBy: readonly Dimension[]): Row => ({
  agent: groupBy.includes("agent") ? row.agent : "",
  engine: groupBy.includes("engine") ? row.engine : "",
  account: groupBy.includes("account") ? row.account : "",
  model: groupBy.includes("model") ? row.model : "",
  priority: groupBy.includes("priority") ? row.priority : "",
  label: groupBy.includes("label") ? row.label : "",
});

export function matches(filter: UsageFilter, row: Row): boolean {
  return DIMENSIONS.every((dimension) => {
    const wanted = filter[dimension];
    if (wanted === undefined) return true;
    if (dimension === "label" && wanted !== OTHER) return row.label.split(",").includes(wanted);
    return row[dimension] === wanted;
  });
}

/** The order of rows: by their dimensions. */
export function compareRows(a: Row, b: Row): number {
  for (const dimension of DIMENSIONS) {
    if (a[dimension] !== b[dimension]) return a[dimension] < b[dimension] ? -1 : 1;
  }
  return 0;
}

/** Returns the first and the last moment of the range in ms. Throws a Refusal that names the fields that are wrong. */
export function checkedRange({ start, end }: Range, now: Date, defaultMs: number): { start: number; end: number } {
  const endMs = (end ?? now).getTime();
  const startMs = start?.getTime() ?? endMs - defaultMs;
  const faults: FieldViolation[] = [];
  if (Number.isNaN(startMs)) faults.push({ field: "start_time", description: "is not a time" });
  if (Number.isNaN(endMs)) faults.push({ field: "end_time", description: "is not a time" });
  if (endMs <= startMs) faults.push({ field: "end_time", description: "must be after start_time" });
  if (endMs - startMs > MAX_RANGE_MS) {
    faults.push({ field: "start_time", description: "must be at most two years before end_time" });
  }
  if (faults.length > 0) throw invalidFields(faults);
  return { start: startMs, end: endMs };
}

export interface Buckets {
  readonly hours: readonly number[];
  readonly days: readonly number[];
  readonly start: number;
  readonly end: number;
}

/**
 * Returns the buckets that cover the range: whole days where they fit, and hours at its edges. Hours that are not kept
 * any more are rounded out to their day of UTC; for another time zone, the range must not begin before them. `start` and
 * `end` are what the buckets cover. An hour belongs to the local day in which it begins.
 */
export function bucketsOf(
  range: { readonly start: number; readonly end: number },
  nowMs: number,
  timeZone = "UTC",
): Buckets {
  const oldestHour = isUtc(timeZone) ? nowMs - KEPT_MS.hour : Number.NEGATIVE_INFINITY;
  let start = firstHour(timeZone, range.start);
  let end = ceil(range.end, HOUR_MS);
  const hours: number[] = [];
  const days: number[] = [];
  for (let day = floor(start, DAY_MS); day < range.end; day += DAY_MS) {
    const next = day + DAY_MS;
    const whole = day >= start && next <= end;
    if (whole || day < oldestHour) {
      days.push(day);
      start = Math.min(start, day);
      end = Math.max(end, next);
    } else {
      for (let hour = Math.max(day, start); hour < Math.min(next, end); hour += HOUR_MS) hours.push(hour);
    }
  }
  return { hours, days, start, end };
}

export const floor = (ms: number, unit: number): number => Math.floor(ms / unit) * unit;
export const ceil = (ms: number, unit: number): number => Math.ceil(ms / unit) * unit;
