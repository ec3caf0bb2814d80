import assert from "node:assert/strict";
import { retryWaitMs } from "./retry.js";

describe("reading again what failed", () => {
  it("waits twice as long after each failure, up to 30 s, and up to half of it less, as chance has it", () => {
    const waits = (random: number) => [0, 1, 2, 3, 4, 100].map((failures) => retryWaitMs(failures, undefined, random));
    assert.deepEqual(waits(1), [3_000, 6_000, 12_000, 24_000, 30_000, 30_000]);
    assert.deepEqual(waits(0), [1_500, 3_000, 6_000, 12_000, 15_000, 15_000]);
  });

  it("does not ask before the time that the gateway named, and not with all others at that time", () => {
    assert.equal(retryWaitMs(0, 60_000, 0), 61_500);
    assert.equal(retryWaitMs(1, 60_000, 1), 66_000);
  });
});
