import assert from "node:assert/strict";
import { endOf } from "./span-export.js";

/** Milliseconds, and the rest of the nanoseconds. */
const at = (ms: number, ns = 0): [number, number] => [Math.floor(ms / 1_000), (ms % 1_000) * 1e6 + ns];

describe("the end of a span", () => {
  const startTime = at(5_000);

  it("is what its caller gave, however near the present is", () =>
    assert.deepEqual(endOf({ startTime, endTime: at(5_010) }, 5_011), at(5_010)));

  it("is the present in whole milliseconds, where the SDK would end it a fraction earlier", () =>
    assert.deepEqual(endOf({ startTime, endTime: at(5_010, 950_000) }, 5_011), at(5_011)));

  it("keeps its length when the clock has jumped", () =>
    assert.deepEqual(endOf({ startTime, endTime: at(5_010, 1) }, 1_000), at(5_010)));

  it("is a microsecond after its start at least", () =>
    assert.deepEqual(endOf({ startTime, endTime: at(5_000, 10) }, 5_000), at(5_000, 1_000)));
});
