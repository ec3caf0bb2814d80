import assert from "node:assert/strict";
import * as fc from "fast-check";
import { isTimeZone, type PeriodKind, periodAt } from "./period.js";

const HOUR_MS = 3_600_000;
const KINDS = ["hour", "day", "month"] as const;
/** With changes of the clock in both halves of the earth, by half an hour, at midnight, and offsets of quarter hours. */
const ZONES = [
  ...["UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "America/Havana", "America/St_Johns"],
  ...["Asia/Kolkata", "Asia/Kathmandu", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia"],
];
const FROM = Date.parse("2020-01-01T00:00:00Z");
const TO = Date.parse("2037-01-01T00:00:00Z");

/** What the wall clock shows, cut to what a period has in common. It is made in another way than the code under test. */
function shown(kind: PeriodKind, timeZone: string, ms: number): string {
  const options = { timeZone, dateStyle: "short", timeStyle: "medium" } as const;
  const text = new Intl.DateTimeFormat("sv-SE", options).format(ms);
  return text.slice(0, { hour: 13, day: 10, month: 7 }[kind]);
}

const times = fc.record({
  kind: fc.constantFrom(...KINDS),
  zone: fc.constantFrom(...ZONES),
  ms: fc.integer({ min: FROM, max: TO }),
});

describe("the period of a budget", () => {
  it("holds its moment, is the same from its first to its last moment, and the next one begins where it ends", () => {
    fc.assert(
      fc.property(times, ({ kind, zone, ms }) => {
        const period = periodAt(kind, zone, ms);
        assert.ok(period.startMs <= ms && ms < period.endMs);
        assert.equal(periodAt(kind, zone, period.endMs).startMs, period.endMs);
        assert.equal(periodAt(kind, zone, period.startMs - 1).endMs, period.startMs);
        assert.deepEqual(periodAt(kind, zone, period.startMs), period);
        assert.deepEqual(periodAt(kind, zone, period.endMs - 1), period);
      }),
      { numRuns: 500 },
    );
  });

  it("of a day or a month begins and ends where the date on the wall changes, also where clocks change", () => {
    fc.assert(
      fc.property(times, ({ kind, zone, ms }) => {
        fc.pre(kind !== "hour");
        const { startMs, endMs } = periodAt(kind, zone, ms);
        const date = shown(kind, zone, ms);
        assert.deepEqual(
          [startMs, endMs - 1].map((at) => shown(kind, zone, at)),
          [date, date],
        );
        for (const at of [startMs - 1, endMs]) assert.notEqual(shown(kind, zone, at), date);
      }),
      { numRuns: 500 },
    );
  });

  it("of an hour begins at a full hour of the wall clock, and has an hour where no clock changes", () => {
    fc.assert(
      fc.property(times, ({ zone, ms }) => {
        const { startMs, endMs } = periodAt("hour", zone, ms);
        const minutes = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, minute: "2-digit", second: "2-digit" });
        assert.equal(minutes.format(startMs).replace(":", ""), "0000");
        const steady = shown("hour", zone, startMs) === shown("hour", zone, startMs + HOUR_MS - 1);
        if (steady && zone !== "Australia/Lord_Howe") assert.equal(endMs - startMs, HOUR_MS);
        assert.ok(endMs - startMs <= 1.5 * HOUR_MS);
      }),
      { numRuns: 500 },
    );
  });

  for (const [kind, zone, at, start, end] of [
    ["day", "Europe/Berlin", "2026-03-29T12:00Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z"],
    ["day", "Europe/Berlin", "2026-10-25T12:00Z", "2026-10-24T22:00Z", "2026-10-25T23:00Z"],
    ["month", "Europe/Berlin", "2026-10-31T23:30Z", "2026-10-31T23:00Z", "2026-11-30T23:00Z"],
    ["month", "UTC", "2028-02-29T23:59Z", "2028-02-01T00:00Z", "2028-03-01T00:00Z"],
    ["month", "Asia/Kolkata", "2026-11-27T00:00Z", "2026-10-31T18:30Z", "2026-11-30T18:30Z"],
    ["hour", "Asia/Kathmandu", "2026-11-27T00:00Z", "2026-11-26T23:15Z", "2026-11-27T00:15Z"],
    // 1:30 occurs twice, so the hour of 1:00 is two periods.
    ["hour", "America/New_York", "2026-11-01T05:30Z", "2026-11-01T05:00Z", "2026-11-01T06:00Z"],
    ["hour", "America/New_York", "2026-11-01T06:30Z", "2026-11-01T06:00Z", "2026-11-01T07:00Z"],
    // 2:00 becomes 1:30: no full hour comes for 90 minutes.
    ["hour", "Australia/Lord_Howe", "2026-04-04T15:15Z", "2026-04-04T14:00Z", "2026-04-04T15:30Z"],
    // Clocks go from 24:00 to 1:00, so the day begins at 1:00.
    ["day", "America/Santiago", "2026-09-06T12:00Z", "2026-09-06T04:00Z", "2026-09-07T03:00Z"],
  ] as const) {
    it(`of one ${kind} in ${zone} at ${at} is from ${start} to ${end}`, () => {
      const { startMs, endMs } = periodAt(kind, zone, Date.parse(at));
      assert.deepEqual([startMs, endMs], [Date.parse(start), Date.parse(end)]);
    });
  }

  it("is known for IANA names only", () => {
    assert.deepEqual(["UTC", "Europe/Berlin", "Etc/GMT+5"].map(isTimeZone), [true, true, true]);
    assert.deepEqual(
      ["", "+02:00", "Europe/Atlantis", "Berlin time", "x".repeat(65)].map(isTimeZone),
      Array(5).fill(false),
    );
  });
});
