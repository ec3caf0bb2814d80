import assert from "node:assert/strict";
import { backoffMs } from "./backoff.js";

describe("a back-off", () => {
  it("doubles from the first wait to the longest", () => {
    const waits = [0, 1, 2, 3, 4, 5, 5_000].map((failures) => backoffMs(failures, { firstMs: 100, longestMs: 700 }));
    assert.deepEqual(waits, [100, 100, 200, 400, 700, 700, 700]);
  });

  it("shortens a wait by up to half at random", () => {
    const waits = [0, 0.5, 1].map((part) => backoffMs(2, { firstMs: 100, longestMs: 700, random: () => part }));
    assert.deepEqual(waits, [100, 150, 200]);
  });
});
