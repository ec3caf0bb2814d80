import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { createBreaker, type Strain } from "./breaker.js";

const CALM: Strain = { loopDelayMs: 1, oldestCallMs: 1, callsUnderWay: 1 };
const BOUNDS: Strain = { loopDelayMs: 500, oldestCallMs: 1_000, callsUnderWay: 100 };

function breaker(bounds = BOUNDS) {
  const state = { strain: CALM, now: 0, refused: 0 };
  const { pass } = createBreaker(bounds, {
    measure: () => state.strain,
    nowMs: () => state.now,
    observer: { refused: () => void state.refused++ },
  });
  const passes = (): boolean => {
    try {
      pass();
      return true;
    } catch (error) {
      assert.ok(error instanceof Refusal);
      assert.equal(error.reason, "OVERLOADED");
      assert.ok((error.retryAfterMs ?? 0) >= 1_000 && (error.retryAfterMs ?? 0) < 3_000);
      return false;
    }
  };
  return { state, passes };
}

describe("the breaker", () => {
  for (const what of ["loopDelayMs", "oldestCallMs", "callsUnderWay"] as const) {
    it(`accepts calls up to the limit of ${what}, and refuses more`, () => {
      const { state, passes } = breaker();
      state.strain = { ...CALM, [what]: BOUNDS[what] };
      assert.ok(passes());
      state.strain = { ...CALM, [what]: BOUNDS[what] + 1 };
      assert.ok(!passes());
      assert.equal(state.refused, 1);
    });
  }

  it("stays open for a second, then checks again", () => {
    const { state, passes } = breaker();
    state.strain = { ...CALM, callsUnderWay: 101 };
    assert.ok(!passes());
    state.strain = CALM;
    state.now = 999;
    assert.ok(!passes());
    state.now = 1_000;
    assert.ok(passes());
    state.strain = { ...CALM, callsUnderWay: 101 };
    assert.ok(!passes());
  });

  it("names the unreachable dependency when the calls wait for it", () => {
    const away = new Refusal("DEPENDENCY_UNAVAILABLE", "Redis does not answer");
    const observer = { refused: () => assert.fail("it is not overloaded") };
    const measure = () => ({ ...CALM, callsUnderWay: 101 });
    const { pass } = createBreaker(BOUNDS, { measure, nowMs: () => 0, observer, storageAway: () => away });
    assert.throws(pass, away);
  });

  it("has no limit when it is 0", () => {
    const { state, passes } = breaker({ ...BOUNDS, loopDelayMs: 0 });
    state.strain = { ...CALM, loopDelayMs: 1e9 };
    assert.ok(passes());
  });
});
