import { invalidFields } from "@ccsp/errors";
import { localDate, periodAt } from "./period.js";
import { DAY_MS, HOUR_MS, KEPT_MS } from "./usage-store.js";

/** A day of a time zone. */
export interface LocalDay {
  /** Its first moment in ms. */
  readonly start: number;
  /**
   * The hours that are counted for it: those that begin in it, in UTC. So where clocks differ from UTC by half an hour,
   * its first and last half hours count for the days beside it.
   */
  readonly hours: readonly number[];
}

/** Whether the days of this zone are those of UTC, which are kept as such. */
export const isUtc = (timeZone: string): boolean =>
  /^(Etc\/)?(UTC|UCT|Universal|Zulu|GMT([+-]?0)?|Greenwich)$/i.test(timeZone);

/**
 * The first hour of a range that begins at this moment: the one that has it, or the next one, if the moment is midnight
 * in the time zone and the hour that has it belongs to the day before.
 */
export function firstHour(timeZone: string, ms: number): number {
  const hour = Math.floor(ms / HOUR_MS) * HOUR_MS;
  return hour < ms && periodAt("day", timeZone, ms).startMs === ms ? hour + HOUR_MS : hour;
}

/**
 * The days of a time zone that overlap the range. What is more than a day ahead is left out, but for the first day: it
 * has no counts, and years of days would take long to find.
 */
export function* localDays(
  timeZone: string,
  { start, end }: { readonly start: number; readonly end: number },
  nowMs: number,
): Generator<LocalDay, void> {
  const latest = nowMs + DAY_MS;
  for (let at = start; at < end && (at === start || at < latest); ) {
    const day = periodAt("day", timeZone, at);
    const hours: number[] = [];
    const before = Math.min(day.endMs, latest);
    for (let hour = firstHour(timeZone, day.startMs); hour < before; hour += HOUR_MS) hours.push(hour);
    yield { start: day.startMs, hours };
    at = day.endMs;
  }
}

const oldestHour = (nowMs: number): number => Math.floor((nowMs - KEPT_MS.hour) / HOUR_MS) * HOUR_MS;

/** The first moment of the oldest day of a time zone of which all hours are kept. */
export function oldestDay(timeZone: string, nowMs: number): number {
  const oldest = oldestHour(nowMs);
  const day = periodAt("day", timeZone, oldest);
  return firstHour(timeZone, day.startMs) >= oldest ? day.startMs : day.endMs;
}

/** Refuses a range that begins before the oldest hour that is kept. The days of UTC are kept longer. */
export function checkHoursAreKept(timeZone: string, startMs: number, nowMs: number): void {
  if (isUtc(timeZone) || firstHour(timeZone, startMs) >= oldestHour(nowMs)) return;
  const oldest = localDate(timeZone, oldestDay(timeZone, nowMs));
  const description =
    `is before the oldest day of ${timeZone}, ${oldest}: its days are summed from hours, which are ` +
    "kept for 90 days; begin there, or ask for the time zone UTC";
  throw invalidFields([{ field: "start_time", description }]);
}
