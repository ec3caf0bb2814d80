import assert from "node:assert/strict";
import { knownCost } from "./known-cost.js";

const NONE = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 };

describe("The cost of a failed run", () => {
  it("is unknown when the engine reports 0 and no token, and else what the engine reports", () => {
    assert.equal(knownCost(0, undefined), undefined);
    assert.equal(knownCost(0, NONE), undefined);
    assert.equal(knownCost(undefined, NONE), undefined);
    assert.equal(knownCost(0, { ...NONE, outputTokens: 1 }), 0);
    assert.equal(knownCost(0.5, NONE), 0.5);
  });
});
