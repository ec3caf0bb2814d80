import assert from "node:assert/strict";
import { createByteRate } from "./byte-rate.js";

describe("createByteRate", () => {
  it("lets a burst through, then only what the rate allows, and never saves up more than the burst", () => {
    let now = 0;
    const take = createByteRate({ bytesPerSecond: 100, burst: 300 }, () => now);
    assert.deepEqual([take(300), take(1)], [true, false]);
    now += 500;
    assert.deepEqual([take(51), take(50), take(1)], [false, true, false]);
    now += 3_600_000;
    assert.deepEqual([take(301), take(300), take(1)], [false, true, false]);
  });
});
