import assert from "node:assert/strict";
import { type Amounts, daysOf } from "./days.js";

const row = (amounts: Partial<Amounts>): Amounts => ({
  runs: 1,
  failedRuns: 0,
  runsWithoutCost: 0,
  costUsd: 0.5,
  usage: { inputTokens: 10, outputTokens: 1, cacheReadTokens: 100, cacheCreationTokens: 0 },
  runTime: "1.500s",
  ...amounts,
});

describe("the days of usage", () => {
  it("are those of the browser's time zone, the newest first, each with the sum of its hours", () => {
    const at = (day: number, hour: number) => new Date(2026, 5, day, hour).toISOString();
    const days = daysOf([
      { time: at(1, 0), usage: row({}) },
      { time: at(1, 23), usage: row({ runs: 2, runsWithoutCost: 1, runTime: "2s" }) },
      { time: at(2, 0), usage: row({ failedRuns: 1 }) },
    ]);
    assert.deepEqual(
      days.map(({ startMs }) => startMs),
      [new Date(2026, 5, 2).getTime(), new Date(2026, 5, 1).getTime()],
    );
    assert.equal(days[0]?.amounts.failedRuns, 1);
    assert.deepEqual(days[1]?.amounts, {
      runs: 3,
      failedRuns: 0,
      runsWithoutCost: 1,
      costUsd: 1,
      usage: { inputTokens: 20, outputTokens: 2, cacheReadTokens: 200, cacheCreationTokens: 0 },
      runTime: "3.5s",
    });
  });
});
