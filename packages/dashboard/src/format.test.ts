import assert from "node:assert/strict";
import { bytes, duration, milliseconds, number, share, time, usd } from "./format.js";
import { locale } from "./settings.js";

describe("The formats of the dashboard", () => {
  afterEach(() => {
    locale.value = "en";
  });

  it("write a duration in the words that people use, with two units at most", () => {
    const written = ["0.04s", "0.4s", "9.96s", "34s", "72s", "3600s", "7500s", "93600s"].map((wire) =>
      duration(milliseconds(wire)),
    );
    assert.deepEqual(written, ["40 ms", "0.4 s", "10 s", "34 s", "1 min 12 s", "1 h", "2 h 5 min", "1 d 2 h"]);
  });

  it("write a duration in Japanese when the page is Japanese", () => {
    locale.value = "ja";
    assert.equal(duration(72_000), "1 分 12 秒");
  });

  it("never round a duration to sixty of a unit", () => {
    assert.deepEqual([59_600, 3_599_600, 86_399_000].map(duration), ["1 min", "1 h", "1 d"]);
  });

  it("write money with cents, and less than a cent as what it is", () => {
    assert.deepEqual([0.84, 1240, 0.0031, 0].map(usd), ["$ 0.84", "$ 1,240.00", "$ 0.0031", "$ 0.00"]);
  });

  it("write 100 % only when all is used", () => {
    assert.deepEqual([0.714, 0.999, 1, 1.2].map(share), ["71 %", "99 %", "100 %", "120 %"]);
  });

  it("write amounts and bytes so that they can be compared", () => {
    assert.deepEqual([number(412_000), bytes(3.1e9), bytes(4e9), bytes(900)], ["412,000", "3.1 GB", "4.0 GB", "900 B"]);
  });

  it("write a time as short as it is clear: the hour today, the weekday within a week, else the date", () => {
    const now = new Date(2026, 10, 29, 12);
    const times = [new Date(2026, 10, 29, 16, 40), new Date(2026, 10, 30, 9), new Date(2026, 11, 24, 9)];
    assert.deepEqual(
      times.map((at) => time(at, now)),
      ["16:40", "Mon 09:00", "24 Dec 09:00"],
    );
  });
});
