import assert from "node:assert/strict";
import { pricedMicroUsd } from "./model-prices.js";

describe("the price of tokens", () => {
  const TOKENS = { input: 1_000, output: 2_000, cacheRead: 10_000, cacheCreation: 4_000 };
  const NONE = { input: 0, output: 0, cacheRead: 0, cacheCreation: 0 };

  it("is that of the model, with or without the day of its release in the name", () => {
    // 3 dollars a million of input, 15 of output: 3 * (1,000 + 1.25 * 4,000 + 0.1 * 10,000) + 15 * 2,000 millionths.
    assert.equal(pricedMicroUsd("claude-sonnet-4-5", TOKENS), 51_000);
    assert.equal(pricedMicroUsd("claude-sonnet-4-5-20250929", TOKENS), 51_000);
    assert.equal(pricedMicroUsd("claude-opus-4-6", TOKENS), 85_000);
  });

  it("counts each kind of tokens by its own price, in whole micro-dollars", () => {
    const one = (kind: keyof typeof NONE) => pricedMicroUsd("claude-opus-4-5", { ...NONE, [kind]: 10 });
    assert.deepEqual([one("input"), one("output"), one("cacheRead"), one("cacheCreation")], [50, 250, 5, 63]);
    assert.equal(pricedMicroUsd("claude-opus-4-5", NONE), 0);
  });

  it("is unknown for a model that the table does not have, and never a guess", () => {
    for (const model of [
      "",
      "opus",
      "gpt-9",
      "claude-sonnet-4-5[1m]",
      "claude-sonnet-9",
      "claude-opus-4-5-1",
      "constructor",
    ])
      assert.equal(pricedMicroUsd(model, TOKENS), undefined, model);
  });
});
