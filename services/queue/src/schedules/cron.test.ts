import assert from "node:assert/strict";
import { cronFault, isTimeZone, timesAfter, timesUpTo } from "./cron.js";

const iso = (times: readonly number[]): string[] => times.map((time) => new Date(time).toISOString().slice(0, 16));
const after = (cron: string, timeZone: string, from: string, count: number) =>
  iso(timesAfter({ cron, timeZone }, Date.parse(from), count));

describe("the times of a cron expression", () => {
  it("are those of its time zone", () => {
    assert.deepEqual(after("0 9 * * MON-FRI", "Asia/Tokyo", "2026-01-02T00:00:00Z", 2), [
      "2026-01-05T00:00",
      "2026-01-06T00:00",
    ]);
  });

  it("come after the given moment, never at it", () => {
    assert.deepEqual(after("0 * * * *", "UTC", "2026-01-01T10:00:00Z", 1), ["2026-01-01T11:00"]);
    assert.deepEqual(after("0 * * * *", "UTC", "2026-01-01T09:59:59.999Z", 1), ["2026-01-01T10:00"]);
  });

  it("need one of day of month and day of week when both are given", () => {
    assert.deepEqual(after("0 0 13 * FRI", "UTC", "2026-01-01T00:00:00Z", 3), [
      "2026-01-02T00:00",
      "2026-01-09T00:00",
      "2026-01-13T00:00",
    ]);
  });

  // In Berlin, clocks go from 02:00 to 03:00 on 29 March 2026, and from 03:00 back to 02:00 on 25 October.
  it("come at the first moment that exists, for a fixed time that the clock skips", () => {
    assert.deepEqual(after("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2), [
      "2026-03-29T01:00",
      "2026-03-30T00:30",
    ]);
    assert.deepEqual(after("30 2,14 * * *", "Europe/Berlin", "2026-03-28T15:00:00Z", 2), [
      "2026-03-29T01:00",
      "2026-03-29T12:30",
    ]);
  });

  it("come once, the first time, for a fixed time that the clock repeats", () => {
    assert.deepEqual(after("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2), [
      "2026-10-25T00:30",
      "2026-10-26T01:30",
    ]);
  });

  it("follow the local clock where they repeat: skipped with its hour, and doubled with it", () => {
    assert.deepEqual(after("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 1), ["2026-03-30T00:00"]);
    assert.deepEqual(after("*/30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 5), [
      "2026-10-25T00:00",
      "2026-10-25T00:30",
      "2026-10-25T01:00",
      "2026-10-25T01:30",
      "2026-10-26T01:00",
    ]);
  });

  it("are the same when searched backwards", () => {
    const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"];
    for (const timeZone of zones) {
      for (const cron of ["30 2 * * *", "*/20 1-3 * * *", "15 2,14 * * *", "0 0 * * *", "45 23 L * *"]) {
        for (const day of ["2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31"]) {
          const from = Date.parse(`${day}T00:00:00Z`);
          const forward = timesAfter({ cron, timeZone }, from, 20);
          const end = forward.at(-1) ?? 0;
          assert.deepEqual(timesUpTo({ cron, timeZone }, end, 20), forward, `${cron} in ${timeZone} from ${day}`);
        }
      }
    }
  });
});

describe("a cron expression", () => {
  it("has five valid fields and matches some time", () => {
    for (const good of ["* * * * *", "*/5 0-6 1,15 JAN-JUN MON-FRI", "0 0 29 2 *", "0 9 L * *", "0 9 * * MON#2"]) {
      assert.equal(cronFault(good), undefined, good);
    }
    for (const bad of [
      "",
      "* * * *",
      "* * * * * *",
      "@daily",
      "61 * * * *",
      "? * * * *",
      "2026-01-01T00:00:00",
      "a b c d e",
    ]) {
      assert.notEqual(cronFault(bad), undefined, bad);
    }
    assert.equal(cronFault("0 0 30 2 *"), "never matches a time");
    assert.equal(cronFault(`${"1,".repeat(64)}1 * * * *`), "is longer than 128 characters");
  });
});

describe("a time zone", () => {
  it("is an IANA name, not an offset", () => {
    for (const good of ["UTC", "Asia/Tokyo", "America/Argentina/Buenos_Aires"])
      assert.equal(isTimeZone(good), true, good);
    for (const bad of ["", "Mars/Olympus", "+05:00", "x".repeat(65), "Europe/Berlin\n"])
      assert.equal(isTimeZone(bad), false, bad);
  });
});
