import assert from "node:assert/strict";
import type { Forecasts } from "../forecast/forecasts.js";
import { exhaustTimeBy } from "./exhaust-time.js";

describe("when a budget is used up", () => {
  it("comes from the forecast of its holder's usage, with money in the same unit, and is absent after the period", async () => {
    const asked: unknown[] = [];
    // A cent each five minutes. Forecasts count micro-dollars.
    const forecasts: Forecasts = {
      of: async (filter, metric) => {
        asked.push([filter, metric]);
        const amounts = { expected: 120_000, low: 0, high: 240_000, ratePerHour: 120_000, confidence: 1 };
        const times = { from: 0, horizonMs: 3_600_000, validUntil: 300_000 };
        const forecast = {
          state: "known",
          ...amounts,
          ...times,
          trend: "stable",
          model: "linear",
          scores: [],
        } as const;
        const usage = { history: { end: 0, steps: [], hours: [] }, runs: 0, unknown: 0 };
        return { forecast: { ...forecast, path: () => 10_000 }, usage };
      },
    };
    const exhaustTimeOf = exhaustTimeBy(forecasts);
    const budget = { holder: { kind: "agent", agent: "ci" }, unit: "usd", limit: 1 } as const;
    type Asked = Parameters<typeof exhaustTimeOf>[0];
    const standing = (endMs: number): Asked => {
      const of = { budget, used: 0.94, share: 0.94, period: { startMs: 0, endMs }, runs: 1, unknownRuns: 0 };
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the other fields of a budget do not matter here
      return of as unknown as Asked;
    };
    assert.deepEqual(await exhaustTimeOf(standing(3_600_000), new Date(0)), new Date(6 * 300_000));
    assert.equal(await exhaustTimeOf(standing(1_200_000), new Date(0)), undefined);
    assert.deepEqual(asked[0], [{ agent: "ci" }, "cost"]);
    const account = { kind: "account", engine: "claude-code", account: "team" } as const;
    const ofAccount = { ...standing(3_600_000), budget: { ...standing(0).budget, holder: account } };
    await exhaustTimeOf(ofAccount, new Date(0));
    assert.deepEqual(asked.at(-1), [{ account: "team" }, "cost"], "a forecast has one dimension");
  });
});
