import assert from "node:assert/strict";
import { ageWords, count, durationWords, localTime, money, zonedTime } from "./words.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("The words of the command", () => {
  it("say a duration in at most two units, rounded to the smaller one", () => {
    const said: readonly (readonly [number | undefined, string])[] = [
      [undefined, "unknown"],
      [-5, "0 s"],
      [0, "0 s"],
      [400, "0.4 s"],
      [1_000, "1 s"],
      [9_949, "9.9 s"],
      [9_950, "10 s"],
      [12_400, "12 s"],
      [59_499, "59 s"],
      [59_500, "1 min"],
      [2 * MINUTE + 5_000, "2 min 5 s"],
      [HOUR - 400, "1 h"],
      [2 * HOUR + 5 * MINUTE, "2 h 5 min"],
      [DAY - 1, "1 day"],
      [DAY + HOUR, "1 day 1 h"],
      [3 * DAY + 4 * HOUR, "3 days 4 h"],
      [365 * DAY, "365 days"],
    ];
    for (const [ms, words] of said) assert.equal(durationWords(ms), words, `${ms} ms`);
  });

  it("say an age in one unit, and - for a time that is not known", () => {
    const now = Date.parse("2026-01-31T12:00:00Z");
    const ago = (ms: number) => ageWords(new Date(now - ms), now);
    assert.deepEqual(
      [ago(-1_000), ago(0), ago(59_999), ago(MINUTE), ago(HOUR - 1), ago(47 * HOUR), ago(49 * HOUR)],
      ["0 s", "0 s", "59 s", "1 min", "59 min", "47 h", "2 days"],
    );
    assert.equal(ageWords(undefined), "-");
  });

  it("use the singular for one thing only", () => {
    assert.deepEqual(
      [count(0, "task"), count(1, "task"), count(1n, "task"), count(2n, "task"), count(2, "entry", "entries")],
      ["0 tasks", "1 task", "1 task", "2 tasks", "2 entries"],
    );
  });

  it("group the digits of a count", () => {
    assert.deepEqual([count(999, "task"), count(12_345n, "token")], ["999 tasks", "12,345 tokens"]);
  });

  it("keep small costs readable, and say unknown instead of $0 for a cost that is not known", () => {
    assert.deepEqual([undefined, 0, 0.000_01, 0.012_34, 0.25, 12.345, 1_000].map(money), [
      "unknown",
      "$0",
      "less than $0.0001",
      "$0.0123",
      "$0.2500",
      "$12.35",
      "$1000.00",
    ]);
  });

  it("show a time in the zone of the reader, with its offset when asked", () => {
    const time = new Date(2026, 0, 31, 8, 5, 9);
    assert.equal(localTime(time), "2026-01-31 08:05:09");
    assert.match(zonedTime(time), /^2026-01-31 08:05:09(Z|[+-]\d\d:\d\d)$/);
    assert.equal(new Date(zonedTime(time).replace(" ", "T")).getTime(), time.getTime());
    assert.deepEqual([localTime(undefined), zonedTime(undefined), zonedTime(new Date(Number.NaN))], ["-", "-", "-"]);
  });
});
