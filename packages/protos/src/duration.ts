import type { Duration } from "./gen/google/protobuf/duration.js";

/** The longest `Duration`: 10,000 years, as its definition says. */
const MOST_MS = 315_576_000_000_000;
const MOST_SECONDS = BigInt(MOST_MS / 1000);

/**
 * A `Duration` of the nearest whole millisecond. Both parts have the sign of `ms`. What is longer than the longest
 * `Duration`, infinity too, becomes the longest one. Throws a RangeError for NaN.
 */
export function toDuration(ms: number): Duration {
  const whole = Math.max(-MOST_MS, Math.min(Math.round(ms), MOST_MS));
  // `|| 0`, because a remainder can be -0.
  return { seconds: BigInt(Math.trunc(whole / 1000)), nanos: (whole % 1000) * 1_000_000 || 0 };
}

/**
 * Milliseconds, negative for a negative `Duration`, with a fraction for what is shorter than a millisecond. Absent
 * means 0. Always finite. Exact up to 2^53 ms, which is longer than the longest `Duration`.
 */
export const durationMs = (duration: Duration | undefined): number =>
  duration === undefined ? 0 : Number(duration.seconds) * 1000 + duration.nanos / 1_000_000;

/** The JSON form: `3.5s`, `-0.000000001s`. Exact. */
export function durationSeconds({ seconds, nanos }: Duration): string {
  const sign = seconds < 0n || nanos < 0 ? "-" : "";
  const fraction = String(Math.abs(nanos)).padStart(9, "0").replace(/0+$/, "");
  return `${sign}${seconds < 0n ? -seconds : seconds}${fraction === "" ? "" : `.${fraction}`}s`;
}

/** Reads the JSON form. Undefined for a text of another form, and for what is longer than the longest `Duration`. */
export function durationFrom(text: string): Duration | undefined {
  const [, sign = "", whole, fraction = ""] = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(text) ?? [];
  if (whole === undefined || BigInt(whole) > MOST_SECONDS) return undefined;
  const nanos = Number(fraction.padEnd(9, "0"));
  return { seconds: BigInt(`${sign}${whole}`), nanos: sign === "-" && nanos > 0 ? -nanos : nanos };
}
