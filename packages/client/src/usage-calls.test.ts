import assert from "node:assert/strict";
import type { GetMyForecastRequest, GetMyUsageRequest } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import {
  BudgetAction,
  BudgetPeriod,
  BudgetUnit,
  BudgetStanding as Standing,
} from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import {
  Forecast as ForecastMessage,
  ForecastMetric,
  ForecastState,
  Trend,
} from "@ccsp/protos/ccsp/usage/v1/forecast.js";
import { Dimension, GapState, UsageGap, UsageRow } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { InvalidTaskError } from "./errors.js";
import { createUsageCalls } from "./usage-calls.js";

const START = new Date("2026-01-01T00:00:00Z");
const END = new Date("2026-01-02T00:00:00Z");

/** The calls of a client whose gateway gives these answers, and the requests that it got. */
function answering(answers: {
  rows?: UsageRow[];
  gaps?: UsageGap[];
  forecast?: ForecastMessage;
  budgets?: Standing[];
}) {
  const asked: unknown[] = [];
  const note = <T>(request: unknown, answer: T): Promise<T> => {
    asked.push(request);
    return Promise.resolve(answer);
  };
  const { rows = [], gaps = [], forecast, budgets = [] } = answers;
  const calls = createUsageCalls(
    {
      getMyUsage: (request) => note(request, { rows, gaps, startTime: START, endTime: END }),
      getMyForecast: (request) => note(request, { forecast }),
      getMyBudgets: (request) => note(request, { budgets }),
    },
    { unary: (_settings, call) => call({}) },
  );
  return { ...calls, asked };
}

describe("usage, forecast and budgets of an agent", () => {
  it("ask in words, dates and milliseconds", async () => {
    const forecast = ForecastMessage.fromPartial({ startTime: START });
    const calls = answering({ forecast });
    await calls.usage({ startTime: START, endTime: END, groupBy: ["priority", "label"] });
    await calls.forecast({ metric: "cost", horizonMs: 1_800_000 });
    await calls.usage();
    await calls.forecast();
    const usage = { startTime: START, endTime: END, groupBy: [Dimension.PRIORITY, Dimension.LABEL] };
    const expected: [GetMyUsageRequest, GetMyForecastRequest, GetMyUsageRequest, GetMyForecastRequest] = [
      usage,
      { metric: ForecastMetric.COST, horizon: toDuration(1_800_000) },
      { startTime: undefined, endTime: undefined, groupBy: [] },
      { metric: ForecastMetric.UNSPECIFIED, horizon: undefined },
    ];
    assert.deepEqual(calls.asked, expected);
  });

  it("refuse every field of a wrong type or word before they ask", async () => {
    const calls = answering({});
    // A program without types can pass such settings.
    const wrong = JSON.parse('{"startTime":"yesterday","groupBy":["model","class"],"metric":"money","horizonMs":"1h"}');
    const faults = (names: readonly string[]) => (error: unknown) => {
      assert.ok(error instanceof InvalidTaskError);
      assert.deepEqual(error.fields.map(({ field }) => field).toSorted(), names);
      return true;
    };
    await assert.rejects(calls.usage(wrong), faults(["group_by", "start_time"]));
    await assert.rejects(calls.forecast(wrong), faults(["horizon", "metric"]));
    assert.deepEqual(calls.asked, []);
  });

  it("answer usage in numbers and milliseconds", async () => {
    const row = UsageRow.fromPartial({
      model: "m",
      runs: 3n,
      failedRuns: 1n,
      succeededRuns: 2n,
      usage: { inputTokens: 5n, outputTokens: 7n, cacheReadTokens: 11n, cacheCreationTokens: 13n },
      costUsd: 0.25,
      runsWithoutCost: 1n,
      runTime: toDuration(1_500),
      timedRuns: 2n,
      queueWait: toDuration(20),
      waitedRuns: 3n,
    });
    const gap = UsageGap.fromPartial({ startTime: START, endTime: END, state: GapState.FILLED, filledRuns: 4n });
    const newer = UsageGap.fromPartial({ startTime: START, endTime: END, state: GapState.UNRECOGNIZED });
    const calls = answering({ rows: [row], gaps: [gap, newer] });
    const report = await calls.usage();
    assert.deepEqual(report, {
      rows: [
        {
          ...{ agentId: "", engine: "", account: "", model: "m", priority: "", label: "" },
          ...{ runs: 3, succeededRuns: 2, failedRuns: 1, cancelledRuns: 0 },
          ...{ inputTokens: 5, outputTokens: 7, cacheReadTokens: 11, cacheCreationTokens: 13, runsWithoutUsage: 0 },
          ...{ costUsd: 0.25, runsWithoutCost: 1 },
          ...{ runTimeMs: 1_500, timedRuns: 2, queueWaitMs: 20, waitedRuns: 3 },
        },
      ],
      startTime: START,
      endTime: END,
      gaps: [
        { startTime: START, endTime: END, state: "filled", filledRuns: 4 },
        { startTime: START, endTime: END, state: "unknown", filledRuns: 0 },
      ],
    });
  });

  it("tell a forecast from too little usage", async () => {
    const known = ForecastMessage.fromPartial({
      state: ForecastState.KNOWN,
      metric: ForecastMetric.TOKENS,
      startTime: START,
      horizon: toDuration(300_000),
      validUntilTime: END,
      ...{ expected: 10, low: 5, high: 20, bandShare: 0.8, ratePerHour: 120, confidence: 0.5, model: "daily" },
      trend: Trend.INCREASING,
      errors: [{ model: "daily", horizon: toDuration(300_000), comparisons: 3, meanError: 1, relativeError: 0.1 }],
      steps: [{ expected: 10, low: 5, high: 20 }],
      past: [1, 2],
      runs: 9n,
      runsUnknown: 1n,
    });
    const calls = answering({ forecast: known });
    const base = { metric: "tokens", startTime: START, horizonMs: 300_000, past: [1, 2], runs: 9, runsUnknown: 1 };
    assert.deepEqual(await calls.forecast(), {
      ...base,
      ...{ state: "known", expected: 10, low: 5, high: 20, bandShare: 0.8, ratePerHour: 120, confidence: 0.5 },
      ...{ model: "daily", validUntilTime: END, trend: "increasing" },
      errors: [
        {
          ...{ model: "daily", horizonMs: 300_000, comparisons: 3, meanError: 1 },
          ...{ relativeError: 0.1, scaledError: undefined },
        },
      ],
      steps: [{ expected: 10, low: 5, high: 20 }],
    });
    const reason = "one hour of usage is not enough";
    const early = answering({ forecast: { ...known, state: ForecastState.TOO_LITTLE_DATA, reason } });
    assert.deepEqual(await early.forecast(), { ...base, state: "too-little-data", reason });
  });

  it("answer budgets in words, and say what is in force", async () => {
    const budget = {
      name: "b",
      unit: BudgetUnit.USD,
      limit: 5,
      period: BudgetPeriod.DAY,
      who: "ada",
      changeTime: START,
    };
    const period = { periodStartTime: START, periodEndTime: END };
    const spent = { used: 5, share: 1, runs: 3n, unknownRuns: 1n, actionInForce: BudgetAction.PARK };
    const calls = answering({
      budgets: [
        Standing.fromPartial({ budget: { ...budget, action: BudgetAction.PARK }, ...period, ...spent }),
        Standing.fromPartial({ budget, ...period, used: 1, share: 0.2, exhaustTime: END }),
      ],
    });
    const words = { name: "b", unit: "usd", limit: 5, period: "day", timeZone: "UTC", warnShares: [], who: "ada" };
    const common = { ...words, changeTime: START, ...period };
    assert.deepEqual(await calls.budgets(), [
      {
        ...common,
        ...{
          action: "park",
          actionInForce: "park",
          used: 5,
          share: 1,
          runs: 3,
          unknownRuns: 1,
          exhaustTime: undefined,
        },
      },
      {
        ...common,
        ...{
          action: "refuse",
          actionInForce: undefined,
          used: 1,
          share: 0.2,
          runs: 0,
          unknownRuns: 0,
          exhaustTime: END,
        },
      },
    ]);
  });
});
