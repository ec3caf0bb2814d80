import { Cron } from "croner";
import { LRUCache } from "lru-cache";

/** Says to a user what is wrong with a cron expression. Undefined when it is valid. */
export function cronFault(cron: string): string | undefined {
  if (cron.length > 128) return "is longer than 128 characters";
  // Some cron programs read `?` as a wildcard, others as "now".
  if (!/^\S+( +\S+){4}$/.test(cron) || cron.includes("?")) return "must be five fields, without ?";
  try {
    return read(cron, "UTC").nextRun() === null ? "never matches a time" : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Whether this host knows the time zone by its IANA name. */
export function isTimeZone(name: string): boolean {
  // An offset is refused: where clocks change, it would be right for half of the year.
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}

/**
 * The next `count` times after `ms`, in order; fewer when there are no more. Throws on what `cronFault` and
 * `isTimeZone` refuse.
 */
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

// Parsing an expression costs more than reading the clock, so parsed expressions are kept.
const known = new LRUCache<string, Cron>({ max: 1_000 });

/**
 * Parses an expression. Where clocks change, its times follow these rules:
 *
 * - A fixed time has no `*` or step in minute and hour. If it does not exist, it comes at the first moment that exists.
 *   If it occurs twice, only the first time counts.
 * - A repeating time follows the clock on the wall. Times that do not exist are left out, and times that occur twice
 *   come twice.
 */
function read(cron: string, timeZone: string): Cron {
  const key = `${timeZone} ${cron}`;
  const before = known.get(key);
  if (before) return before;
  // Cron starts no timer when it gets no function.
  const made = new Cron(cron, { timezone: timeZone, mode: "5-part", fixedTimeRule: "no-wildcard" });
  known.set(key, made);
  return made;
}
