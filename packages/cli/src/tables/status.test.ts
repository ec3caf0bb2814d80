import assert from "node:assert/strict";
import { UsageRow } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { costWords } from "./status.js";

const words = (runs: bigint, runsWithoutCost: bigint, costUsd: number, failedRuns = 0n): string =>
  costWords(UsageRow.fromPartial({ runs, failedRuns, runsWithoutCost, costUsd }));

describe("The cost in the usage of an agent", () => {
  it("is the sum of the known costs, and says of how many runs the cost is not known", () => {
    assert.equal(words(5n, 0n, 1.5), "$1.50");
    assert.equal(words(5n, 1n, 1.5), "$1.50, unknown for 1 run");
    assert.equal(words(5n, 2n, 0), "$0, unknown for 2 runs");
  });

  it("is unknown and not $0 when it is known of no run, also for failures that an older executor counted with 0", () => {
    assert.equal(words(3n, 3n, 0, 3n), "unknown");
    assert.equal(words(3n, 1n, 0, 3n), "unknown");
    assert.equal(words(3n, 0n, 0, 2n), "$0");
    assert.equal(words(3n, 0n, 0.5, 3n), "$0.5000");
  });
});
