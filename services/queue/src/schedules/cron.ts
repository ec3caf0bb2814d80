import { Cron } from "croner";
import { LRUCache } from "lru-cache";

/** What is wrong with a cron expression, for people; undefined when nothing is. */
export function cronFault(cron: string): string | undefined {
  if (cron.length > 128) return "is longer than 128 characters";
  // `?` is a wildcard to some and "now" to others.
  if (!/^\S+( +\S+){4}$/.test(cron) || cron.includes("?")) return "must be five fields, without ?";
  try {
    return read(cron, "UTC").nextRun() === null ? "never comes" : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Whether this host knows the time zone by its IANA name. */
export function isTimeZone(name: string): boolean {
  // An offset is no zone: it would be right for half of the year.
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}

/** The `count` times after `ms`, in order; fewer when there are no more. Throws on what `cronFault` and `isTimeZone` refuse. */
export function timesAfter({ cron, timeZone }: Expression, ms: number, count: number): readonly number[] {
  return read(cron, timeZone)
    .nextRuns(count, new Date(ms))
    .map((each) => each.getTime());
}

/** The newest `count` times that are not after `ms`, in order. */
export function timesUpTo({ cron, timeZone }: Expression, ms: number, count: number): readonly number[] {
  return read(cron, timeZone)
    .previousRuns(count, new Date(ms + 1))
    .map((each) => each.getTime())
    .toReversed();
}

export interface Expression {
  readonly cron: string;
  readonly timeZone: string;
}

// Reading costs more than a look at the clock.
const known = new LRUCache<string, Cron>({ max: 1_000 });

/**
 * Where clocks are changed, a fixed time (no `*` or step in minute and hour) that does not exist comes at the first moment
 * that does, and one that comes twice comes once, the first time; repeating times follow the clock on the wall: those that do
 * not exist are left out, those that come twice come twice.
 */
function read(cron: string, timeZone: string): Cron {
  const key = `${timeZone} ${cron}`;
  const before = known.get(key);
  if (before) return before;
  // Without a function it starts no timer.
  const made = new Cron(cron, { timezone: timeZone, mode: "5-part", fixedTimeRule: "no-wildcard" });
  known.set(key, made);
  return made;
}
