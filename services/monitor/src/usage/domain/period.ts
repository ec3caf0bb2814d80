import { LRUCache } from "lru-cache";

/** A length of time by the calendar. */
export type PeriodKind = "hour" | "day" | "month";

/** The time from `startMs` up to, but not at, `endMs` (ms since 1970). */
export interface Period {
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * Every clock in use differs from UTC by a whole number of quarter hours, and changes at one. So periods begin at
 * quarter hours of UTC.
 */
const QUARTER_MS = 15 * 60_000;
const REACH_MS = { hour: 2 * 3_600_000, day: 26 * 3_600_000, month: 32 * 24 * 3_600_000 } as const;

export const TIME_ZONE_RULE = "is not the IANA name of a time zone, such as Europe/Berlin";

/** Whether this host knows the time zone by its IANA name. An offset such as `+02:00` is not a name. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}

/** Remembers the newest period of each kind and zone, because a month takes many looks at the calendar. */
const newest = new Map<string, Period>();
const MOST_REMEMBERED = 5_000;

/**
 * The period that holds the moment `ms` in a time zone. Periods follow each other without a gap.
 *
 * - A day or month begins at the first moment of its date. So a day has 23 or 25 hours where clocks change, and begins
 *   at 1:00 where there is no 0:00.
 * - An hour begins when the local clock shows a full hour. An hour that occurs twice is two periods. Where clocks
 *   change by half an hour, one period has 90 minutes.
 */
export function periodAt(kind: PeriodKind, timeZone: string, ms: number): Period {
  const key = `${kind} ${timeZone}`;
  const last = newest.get(key);
  if (last && ms >= last.startMs && ms < last.endMs) return last;
  const found = findPeriod(kind, timeZone, ms);
  if (newest.size >= MOST_REMEMBERED) newest.clear();
  newest.set(key, found);
  return found;
}

function findPeriod(kind: PeriodKind, timeZone: string, ms: number): Period {
  const quarter = Math.floor(ms / QUARTER_MS);
  const reach = REACH_MS[kind] / QUARTER_MS;
  if (kind === "hour") {
    const isFull = (at: number): boolean => localTime(timeZone, at * QUARTER_MS).minute === "00";
    let [start, end] = [quarter, quarter + 1];
    while (!isFull(start) && start > quarter - reach) start -= 1;
    while (!isFull(end) && end < quarter + reach) end += 1;
    return { startMs: start * QUARTER_MS, endMs: end * QUARTER_MS };
  }
  // Dates only grow, so both ends are found by halving.
  const dateOf = (at: number): string => {
    const { year, month, day } = localTime(timeZone, at * QUARTER_MS);
    return kind === "month" ? `${year}-${month}` : `${year}-${month}-${day}`;
  };
  const date = dateOf(quarter);
  const start = firstWhere(quarter - reach, quarter, (at) => dateOf(at) === date);
  const end = firstWhere(quarter + 1, quarter + reach, (at) => dateOf(at) !== date);
  return { startMs: start * QUARTER_MS, endMs: end * QUARTER_MS };
}

/** The first number from `low` to `high` for which `is` holds. Once it holds, it must hold up to `high`. */
function firstWhere(low: number, high: number, is: (at: number) => boolean): number {
  let [from, to] = [low, high];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if (is(middle)) to = middle;
    else from = middle + 1;
  }
  return to;
}

/** More than there are time zones. A name may be written in capital letters too, and each calendar takes 30 KB. */
const calendars = new LRUCache<string, Intl.DateTimeFormat>({ max: 600 });

type Part = "year" | "month" | "day" | "hour" | "minute" | "second";

/** The date of this moment, such as 2026-01-05. */
export function localDate(timeZone: string, ms: number): string {
  const { year, month, day } = localTime(timeZone, ms);
  return `${year}-${month}-${day}`;
}

/** This moment as an ISO time with its offset from UTC, such as 2026-01-05T00:00:00+09:00. */
export function localIsoTime(timeZone: string, ms: number): string {
  const { hour, minute, second } = localTime(timeZone, ms);
  const shown = `${localDate(timeZone, ms)}T${hour}:${minute}:${second}`;
  const minutes = Math.round((Date.parse(`${shown}Z`) - ms) / 60_000);
  const two = (number: number): string => String(Math.floor(number)).padStart(2, "0");
  return `${shown}${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
}

function localTime(timeZone: string, ms: number): Record<Part, string> {
  let calendar = calendars.get(timeZone);
  if (calendar === undefined) {
    calendar = new Intl.DateTimeFormat("en-US", {
      ...({ timeZone, calendar: "gregory", hourCycle: "h23" } as const),
      ...({
        year: "numeric",
        month: "2-digit",
        day: "2-digit",
        hour: "2-digit",
        minute: "2-digit",
        second: "2-digit",
      } as const),
    });
    calendars.set(timeZone, calendar);
  }
  const local: Record<Part, string> = { year: "", month: "", day: "", hour: "", minute: "", second: "" };
  for (const { type, value } of calendar.formatToParts(ms)) {
    if (isPart(type, local)) local[type] = value;
  }
  return local;
}

const isPart = (type: string, parts: Readonly<Record<Part, string>>): type is Part => type in parts;
