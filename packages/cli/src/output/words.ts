/**
 * How the command writes durations, ages, counts, costs and times for people. Programs read `-o json`, which has none of
 * these words.
 */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * A length of time in at most two units: `0.4 s`, `12 s`, `2 min 5 s`, `2 h 5 min`, `3 days 4 h`. It is rounded to the
 * smaller unit. Undefined is `unknown`; a negative one, which only a wrong clock makes, is `0 s`.
 */
export function durationWords(ms: number | undefined): string {
  if (ms === undefined || Number.isNaN(ms)) return "unknown";
  if (ms < 50) return "0 s";
  if (ms < 9_950) return `${trimmed((ms / SECOND).toFixed(1))} s`;
  const seconds = Math.round(ms / SECOND);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return twoUnits([Math.floor(seconds / 60), "min"], [seconds % 60, "s"]);
  const minutes = Math.round(ms / MINUTE);
  if (minutes < 1_440) return twoUnits([Math.floor(minutes / 60), "h"], [minutes % 60, "min"]);
  const hours = Math.round(ms / HOUR);
  const days = Math.floor(hours / 24);
  return twoUnits([days, days === 1 ? "day" : "days"], [hours % 24, "h"]);
}

/** How long ago a time is, in one unit: `3 s`, `5 min`, `2 h`, `4 days`. `-` when the time is not known. */
export function ageWords(time: Date | undefined, now = Date.now()): string {
  if (time === undefined) return "-";
  const ms = Math.max(0, now - time.getTime());
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)} h`;
  return `${Math.floor(ms / DAY)} days`;
}

/** A number that can be large, as people read it: `12,345`. */
export const grouped = (n: number | bigint): string => n.toLocaleString("en-US");

/** A number with its noun: `1 task`, `3 tasks`. A noun with another plural gives it: `count(2, "entry", "entries")`. */
export function count(n: number | bigint, noun: string, plural = `${noun}s`): string {
  return `${grouped(n)} ${n === 1 || n === 1n ? noun : plural}`;
}

/**
 * An amount in US dollars: `$12.35`, `$0.0123`, `less than $0.0001`. Undefined is `unknown`: the cost of a run that
 * failed is often not known, and that is not zero.
 */
export function money(usd: number | undefined): string {
  if (usd === undefined || Number.isNaN(usd)) return "unknown";
  if (usd === 0) return "$0";
  if (usd > 0 && usd < 0.0001) return "less than $0.0001";
  return `$${usd.toFixed(usd < 1 ? 4 : 2)}`;
}

/** A share from 0 to 1 in percent, as the monitor's alerts write it: `80 %`. `-` when the share is not known. */
export const percent = (share: number | undefined): string =>
  share === undefined ? "-" : `${Math.round(share * 100)} %`;

/** A time in the time zone of the reader: `2026-01-31 18:05:09`. `-` when the time is not known. */
export function localTime(time: Date | undefined): string {
  if (time === undefined || Number.isNaN(time.getTime())) return "-";
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  return `${date} ${clock}`;
}

/** The same with the offset of the zone, such as `2026-01-31 18:05:09+09:00`: for a time that the reader may pass on. */
export function zonedTime(time: Date | undefined): string {
  const local = localTime(time);
  return time === undefined || local === "-" ? local : local + offset(time);
}

function offset(time: Date): string {
  const minutes = -time.getTimezoneOffset();
  if (minutes === 0) return "Z";
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

const two = (n: number): string => String(n).padStart(2, "0");
const trimmed = (decimal: string): string => decimal.replace(/\.0$/, "");

type Amount = readonly [amount: number, unit: string];

function twoUnits(large: Amount, small: Amount): string {
  const words = [large, small].filter(([amount]) => amount > 0).map(([amount, unit]) => `${amount} ${unit}`);
  return words.join(" ");
}

/** Words in lines of at most 79 columns, each line but the first with this indent. The first one comes after as much. */
export function wrapped(words: readonly string[], indent: number): string {
  const lines = [""];
  for (const word of words) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && indent + last.length + 1 + word.length > 79) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}
