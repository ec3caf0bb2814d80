import assert from "node:assert/strict";
import { openRedisClock } from "./redis-clock.js";

describe("Redis' clock, as estimated by a replica of the queue", () => {
  it("is Redis' time, and says how far this host's clock is ahead of it", async () => {
    const seen: number[] = [];
    const read = async () => Date.now() - 3_600_000;
    const clock = await openRedisClock({ read, onAhead: (ms) => void seen.push(ms) });
    await clock.close();
    const [ahead = 0] = seen;
    assert.ok(Math.abs(ahead - 3_600_000) < 100, `${ahead}`);
    assert.ok(Math.abs(Date.now() - 3_600_000 - clock.now()) < 100);
  });

  it("is this host's time while Redis does not answer", async () => {
    const read = () => Promise.reject(new Error("away"));
    const clock = await openRedisClock({ read, onAhead: () => assert.fail("was measured") });
    await clock.close();
    assert.ok(Math.abs(Date.now() - clock.now()) < 100);
  });
});
