import assert from "node:assert/strict";
import { addCounts, countsOf, noCounts } from "../../usage/domain/counts.js";
import { NO_ROW, type Run } from "../../usage/domain/run.js";
import { type Budget, countersOf, type Holder, standingOf } from "./budget.js";

describe("a budget in dollars", () => {
  const RUN: Run = {
    ...{ id: "1", partition: 0, taskId: "t", traceparent: "", endTime: new Date(0), row: NO_ROW, outcome: "failed" },
    ...{ tokens: undefined, costMicroUsd: undefined, runMs: undefined, waitMs: undefined },
  };
  const tokens = { input: 1_000, output: 2_000, cacheRead: 10_000, cacheCreation: 4_000 };
  const standing = (...runs: readonly Partial<Run>[]) => {
    const counts = noCounts();
    for (const run of runs) addCounts(counts, countsOf({ ...RUN, ...run }));
    const terms = { name: "b", unit: "usd", limit: 1, period: "day", timeZone: "UTC", action: "refuse" } as const;
    const budget: Budget = {
      ...{ ...terms, holder: { kind: "everybody" }, warnShares: [], who: "", changedMs: 0, countFromMs: 0 },
      fromUsage: true,
    };
    const { used, unknownRuns } = standingOf(budget, { startMs: 0, endMs: 1 }, counts);
    return [used, unknownRuns];
  };
  const model = (name: string) => ({ row: { ...NO_ROW, model: name }, tokens });

  it("counts the tokens of a run whose cost is not known by the price of its model, such as of one that failed", () => {
    // 3 dollars a million of input, 15 of output: 3 * (1,000 + 1.25 * 4,000 + 0.1 * 10,000) + 15 * 2,000 millionths.
    assert.deepEqual(standing(model("claude-sonnet-4-5-20250929")), [0.051, 0]);
    assert.deepEqual(
      standing({ ...model("claude-sonnet-4-5"), costMicroUsd: 7_000 }),
      [0.007, 0],
      "a known cost counts",
    );
  });

  it("says of how many runs neither the cost nor a price is known, and guesses none", () => {
    const unknown = ["", "opus", "gpt-9", "claude-sonnet-4-5[1m]", "claude-sonnet-9"].map(model);
    assert.deepEqual(standing(...unknown, { tokens: undefined }, model("claude-opus-4-6")), [0.085, 6]);
  });
});

describe("a budget of", () => {
  const ROW = { ...NO_ROW, agent: "a", engine: "e", account: "team", model: "m" };
  const KINDS: Readonly<Record<string, { readonly holder: Holder; readonly others: readonly Partial<typeof ROW>[] }>> =
    {
      "a model": { holder: { kind: "model", model: "m" }, others: [{ model: "m-2" }, { model: "" }] },
      "an engine": { holder: { kind: "engine", engine: "e" }, others: [{ engine: "f" }] },
      "an account": {
        holder: { kind: "account", engine: "e", account: "team" },
        others: [{ account: "" }, { account: "team-2" }, { engine: "f" }],
      },
    };
  for (const [whose, { holder, others }] of Object.entries(KINDS))
    it(`${whose} counts its runs whoever made them, and no others`, () => {
      const budget: Budget = {
        ...{ name: "b", holder, unit: "usd", limit: 1, period: "day", timeZone: "UTC", action: "park", warnShares: [] },
        ...{ who: "", changedMs: 0, countFromMs: 0, fromUsage: true },
      };
      const counts = (row: Partial<typeof ROW>): boolean => {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the other members do not matter here
        const run = { endTime: new Date(1), row: { ...ROW, ...row } } as Run;
        return countersOf([budget], run).length === 1;
      };
      assert.ok([{}, { agent: "b" }].every(counts));
      assert.ok(!others.some(counts), JSON.stringify(others.filter(counts)));
    });
});
