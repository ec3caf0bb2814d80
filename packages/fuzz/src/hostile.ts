import type { Random } from "@ccsp/e2e-kit/random.js";

/** Values that programs often treat wrongly. */

const utf8 = (text: string): Uint8Array => Buffer.from(text, "utf8");

const TEXTS: readonly Uint8Array[] = [
  ...["", " ", "\0", "a\0b", "\u0001\u0002\u001b[2J\u007f", "\r\nx: y", "\u2028\u2029\ufeff\u202e", "💥".repeat(50)],
  ...["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "NaN", "-1", "1e999", "null", "undefined"],
  ...["../../etc/passwd", "/", "C:\\", "*", "{}", "{0}", "ccsp:queue:{0}:tasks", "%s%n%p", "${HOME}", "$(id)", "'; --"],
  // What some message takes for a time, a zone, a cron expression, a number, a template, a link or a secret.
  ...["2026-02-30", "Etc/GMT+99", "Asia/Nowhere", "UTC\0", "* * 31 2 *", "61 25 * * *", "@reboot", "P1D", "1e400"],
  ...["{{constructor}}", "{{#each", "{{{x}}}", "<%= 1 %>", "${7*7}", "](javascript:x)", "@everyone", "```", "a b"],
  ...["a@b\r\nBcc: c@d", "sk-ant-api03-aaaaaaaaaaaaaaaaaaaaaaaa", "\ufffe\uffff", "e\u0301".repeat(60), "ﷺ".repeat(64)],
  ...["[", "(a+)+$", "\\", '"', "<script>", "a".repeat(128), "a".repeat(129), "=", ":", "-", "--", "é".repeat(64)],
].map(utf8);

/** No text at all: a lone surrogate, bytes that never occur, a code that is longer than needed, a cut one. */
const NOT_UTF8: readonly Uint8Array[] = ["eda080", "fffe", "c080", "f09f92", "61eda08062"].map((hex) =>
  Buffer.from(hex, "hex"),
);

export function hostileText(random: Random): Uint8Array {
  if (random.chance(0.1)) return random.pick(NOT_UTF8);
  if (random.chance(0.04)) return utf8(random.pick(["x", "é", "\0", "💥"]).repeat(random.between(1_000, 20_000)));
  if (random.chance(0.001)) return utf8("y".repeat(random.between(1_000_000, 5_000_000)));
  return random.pick(TEXTS);
}

/** Both ends of what a number of a message can be, and of what a double can count. */
const EDGES = [0n, 1n, -1n, 2n ** 31n - 1n, -(2n ** 31n), 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)] as const;
/**
 * Seconds of a Timestamp or a Duration: the last moment of a Timestamp, the first, one past each, what a Date can hold,
 * the longest Duration, and one past it in both directions.
 */
const TIMES = [
  ...[253_402_300_799n, 253_402_300_800n, -62_135_596_800n, -62_135_596_801n, 8_640_000_000_000n, 8_640_000_000_001n],
  ...[315_576_000_000n, 315_576_000_001n, -315_576_000_001n],
] as const;
/** Nanoseconds of a second: none, the last, one past it, less than none. */
const NANOS = [0n, 1n, 999_999_999n, 1_000_000_000n, -1n, -999_999_999n, 2n ** 31n - 1n, -(2n ** 31n)] as const;

export const hostileInteger = (random: Random): bigint => random.pick(random.chance(0.3) ? TIMES : EDGES);

/** Seconds and nanoseconds of a Timestamp or a Duration. */
export const hostileTime = (random: Random): readonly [bigint, bigint] => [
  random.chance(0.5) ? random.pick(TIMES) : random.pick(EDGES),
  random.pick(NANOS),
];

export const hostileNumber = (random: Random): number =>
  random.pick([Number.NaN, Infinity, -Infinity, -0, 5e-324, Number.MAX_VALUE, -1, 1e21, 2 ** 53 + 2, 0.1]);
