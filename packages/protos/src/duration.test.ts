import assert from "node:assert/strict";
import { durationMs, toDuration } from "./duration.js";
import { Duration } from "./gen/google/protobuf/duration.js";

describe("A Duration", () => {
  it("has the nearest whole millisecond", () => {
    assert.deepEqual(toDuration(1_500), { seconds: 1n, nanos: 500_000_000 });
    assert.deepEqual(toDuration(0.6), { seconds: 0n, nanos: 1_000_000 });
    assert.deepEqual(toDuration(-0.4), { seconds: 0n, nanos: 0 });
  });

  it("has the sign of the milliseconds in both parts", () => {
    assert.deepEqual(toDuration(-1_500), { seconds: -1n, nanos: -500_000_000 });
    assert.deepEqual(toDuration(-2_000), { seconds: -2n, nanos: 0 });
  });

  it("is at most as long as its definition allows, so that it can be sent", () => {
    for (const [ms, seconds] of [
      [1e300, 315_576_000_000n],
      [Number.POSITIVE_INFINITY, 315_576_000_000n],
      [Number.NEGATIVE_INFINITY, -315_576_000_000n],
    ] as const) {
      const sent = Duration.decode(Duration.encode(toDuration(ms)).finish());
      assert.deepEqual(sent, { seconds, nanos: 0 });
    }
    assert.throws(() => toDuration(Number.NaN), RangeError);
  });

  it("gives its milliseconds, 0 when it is absent", () => {
    assert.equal(durationMs({ seconds: 61n, nanos: 500_000_000 }), 61_500);
    assert.equal(durationMs({ seconds: 0n, nanos: 1_500 }), 0.0015);
    assert.equal(durationMs({ seconds: -1n, nanos: -500_000_000 }), -1_500);
    assert.equal(durationMs(undefined), 0);
    assert.ok(Number.isFinite(durationMs({ seconds: 2n ** 63n - 1n, nanos: 0 })));
  });
});
