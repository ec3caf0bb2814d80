import assert from "node:assert/strict";
import { readBudget } from "./read-budget.js";

describe("a budget", () => {
  const asked = (limit: number) => () =>
    readBudget({
      ...{
        name: "b",
        holder: { kind: "everybody" },
        unit: "usd",
        limit,
        period: "day",
        timeZone: "",
        action: "refuse",
      },
      warnShares: [],
    });

  it("in dollars has at most six decimals, because money is counted in micro-dollars", () => {
    for (const limit of [0.000001, 0.1 + 0.2, 12.345678, 999_999_999.123456]) assert.equal(asked(limit)().limit, limit);
    for (const limit of [1.2345678, 0.0000015, 1e-7, Number.NaN, -1, Infinity])
      assert.throws(asked(limit), { reason: "INVALID_FIELD", message: /budget\.limit must/ }, `${limit}`);
  });
});
