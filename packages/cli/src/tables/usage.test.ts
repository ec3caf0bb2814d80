import assert from "node:assert/strict";
import { GetUsageResponse } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { tableLines } from "../output/table.js";
import { usageColumns } from "./usage.js";

const WEEK = {
  runs: 1284n,
  failedRuns: 17n,
  costUsd: 123.456,
  runsWithoutCost: 12n,
  timedRuns: 1284n,
  waitedRuns: 1284n,
};
const { rows } = GetUsageResponse.fromPartial({
  rows: ["claude-sonnet-4-5-20250929", "claude-opus-4-1-20250805"].map((model) => ({
    ...{ agentId: "reviewer-of-pull-requests", model, ...WEEK },
    usage: { inputTokens: 12_345_678n, outputTokens: 987_654n },
    ...{ runTime: { seconds: 84_000n }, queueWait: { seconds: 3_000n } },
  })),
});

describe("the table of ccsp usage", () => {
  it("shows at 80 columns what was used, and names that people can tell apart", () => {
    const lines = tableLines(
      usageColumns(["agent", "model"], "hour"),
      rows.map((row) => ({ row, line: "▁▂▃▄▅▆▇█".repeat(3) })),
      { width: 80, wide: false, colour: false },
    );
    assert.match(lines[0] ?? "", /^AGENT +MODEL +RUNS +FAILED +IN +OUT +COST$/);
    assert.match(lines[1] ?? "", /^reviewer-of-… +claude-sonn\S*… +1,284 +17 +12,345,678 +987,654 +\$123\.46/);
    assert.match(lines[2] ?? "", / claude-opus\S*… /);
    for (const line of lines) assert.ok(line.length <= 80, line);
  });
});
