import assert from "node:assert/strict";
import { dueAfterMs, REDELIVERY, redeliveryMs } from "./redelivery.js";

const entry = (consumer: string, deliveries: number) => ({ id: "1-1", consumer, idleMs: 0, deliveries });

describe("redelivery", () => {
  it("waits twice as long after each delivery, up to a minute", () => {
    const waits = [1, 2, 3, 7, 8, 9, 1_000].map((deliveries) => redeliveryMs(REDELIVERY, deliveries));
    assert.deepEqual(waits, [500, 1_000, 2_000, 32_000, 60_000, 60_000, 60_000]);
  });

  it("survives an outage of about ten minutes before an event is parked", () => {
    let totalMs = 0;
    for (let deliveries = 1; deliveries < REDELIVERY.maxDeliveries; deliveries += 1) {
      totalMs += redeliveryMs(REDELIVERY, deliveries);
    }
    assert.ok(totalMs > 9 * 60_000 && totalMs < 12 * 60_000, `${totalMs} ms`);
  });

  it("takes an entry of another consumer only when it is abandoned", () => {
    assert.equal(dueAfterMs(REDELIVERY, entry("me", 1), "me"), 500);
    assert.equal(dueAfterMs(REDELIVERY, entry("other", 1), "me"), 30_000);
    assert.equal(dueAfterMs(REDELIVERY, entry("other", 9), "me"), 60_000);
  });
});
