import assert from "node:assert/strict";
import { knownCost } from "./known-cost.js";
import { createSpentSoFar } from "./usage-so-far.js";

const NONE = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 };

describe("The cost of a failed run", () => {
  it("is unknown when the engine reports 0 and no token, and else what the engine reports", () => {
    assert.equal(knownCost(0, undefined), undefined);
    assert.equal(knownCost(0, NONE), undefined);
    assert.equal(knownCost(undefined, NONE), undefined);
    assert.equal(knownCost(0, { ...NONE, outputTokens: 1 }), 0);
    assert.equal(knownCost(0.5, NONE), 0.5);
  });

  it("is unknown in its last usage event too, but a run that succeeded may cost 0", () => {
    const costOf = (ok: boolean) =>
      createSpentSoFar()
        .settle({ usage: NONE, costUsd: 0, model: "m", ending: { ok, text: "", turns: 1 } })
        .map((event) => event.type === "usage" && event.costUsd);
    assert.deepEqual([costOf(false), costOf(true)], [[undefined], [0]]);
  });
});
