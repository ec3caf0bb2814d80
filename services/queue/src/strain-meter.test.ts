import assert from "node:assert/strict";
import { eventually } from "@ccsp/testkit";
import { startStrainMeter } from "./strain-meter.js";

describe("the strain meter", () => {
  let meter: ReturnType<typeof startStrainMeter>;
  beforeEach(() => {
    meter = startStrainMeter();
  });
  afterEach(() => meter.close());

  it("counts the calls in progress, and returns the age of the oldest", () => {
    assert.deepEqual(meter.measure(), { loopDelayMs: 0, oldestCallMs: 0, callsUnderWay: 0 });
    const endFirst = meter.begin();
    const first = performance.now();
    while (performance.now() < first + 5);
    const endSecond = meter.begin();
    const both = meter.measure();
    assert.equal(both.callsUnderWay, 2);
    assert.ok(both.oldestCallMs >= 5);
    endFirst();
    endFirst();
    const young = meter.measure();
    assert.equal(young.callsUnderWay, 1);
    assert.ok(young.oldestCallMs < performance.now() - first);
    endSecond();
    assert.deepEqual(meter.measure(), { loopDelayMs: 0, oldestCallMs: 0, callsUnderWay: 0 });
  });

  it("returns how late the event loop was in the last second", async () => {
    const busy = setInterval(() => {
      const from = performance.now();
      while (performance.now() < from + 60);
    }, 1);
    try {
      await eventually(() => assert.ok(meter.measure().loopDelayMs > 20, `${meter.measure().loopDelayMs} ms`));
    } finally {
      clearInterval(busy);
    }
  });
});
