import assert from "node:assert/strict";
import { usageAttributes } from "./usage-attributes.js";

describe("the usage in a span", () => {
  it("counts cache reads and writes as input too, as the conventions require", () => {
    const usage = { inputTokens: 1, outputTokens: 20, cacheReadTokens: 300, cacheCreationTokens: 4_000 };
    assert.deepEqual(usageAttributes(usage), {
      "gen_ai.usage.input_tokens": 4_301,
      "gen_ai.usage.output_tokens": 20,
      "gen_ai.usage.cache_read.input_tokens": 300,
      "gen_ai.usage.cache_write.input_tokens": 4_000,
    });
  });
});
