import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { microUsd, NO_TOKENS, type Usage } from "./run.js";
import { HOUR_MS, hoursOf, reportUsage } from "./usage-report.js";

const now = new Date("2026-03-01T10:30:00Z");
const at = (text: string) => new Date(text);

const usage = (agent: string, model: string, runs: bigint): Usage => ({
  agent,
  model,
  runs,
  failedRuns: 1n,
  tokens: { ...NO_TOKENS, input: runs },
  costMicroUsd: 5n,
  runsWithoutCost: 1n,
});

function refusedFields(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof Refusal);
    return error.fields.map(({ field }) => field);
  }
  return assert.fail("was not refused");
}

describe("usage report", () => {
  it("covers the last 24 hours by default, by whole hours", () => {
    const hours = hoursOf({ start: undefined, end: undefined }, now);
    assert.equal(hours.length, 25);
    assert.equal(hours[0], at("2026-02-28T10:00:00Z").getTime());
    assert.equal(hours.at(-1), at("2026-03-01T10:00:00Z").getTime());
  });

  it("rounds the start down and the end up", () => {
    const range = { start: at("2026-03-01T08:59:59Z"), end: at("2026-03-01T09:00:00.001Z") };
    assert.deepEqual(hoursOf(range, now), [at("2026-03-01T08:00:00Z").getTime(), at("2026-03-01T09:00:00Z").getTime()]);
  });

  it("does not read the hour that begins when the range ends", () => {
    const range = { start: at("2026-03-01T08:00:00Z"), end: at("2026-03-01T09:00:00Z") };
    assert.deepEqual(hoursOf(range, now), [at("2026-03-01T08:00:00Z").getTime()]);
  });

  it("accepts 31 days and refuses a longer range, naming the field", () => {
    const end = at("2026-03-01T00:00:00Z");
    const start = new Date(end.getTime() - 31 * 24 * HOUR_MS);
    assert.equal(hoursOf({ start, end }, now).length, 744);
    assert.deepEqual(
      refusedFields(() => hoursOf({ start: new Date(start.getTime() - 1), end }, now)),
      ["start_time"],
    );
  });

  it("refuses a range that ends at its start, or has an invalid time", () => {
    assert.deepEqual(
      refusedFields(() => hoursOf({ start: now, end: now }, now)),
      ["end_time"],
    );
    assert.deepEqual(
      refusedFields(() => hoursOf({ start: new Date(Number.NaN), end: undefined }, now)),
      ["start_time"],
    );
  });

  it("sums an agent's model over the hours and sorts by agent, then model", async () => {
    const read = async () => [usage("b", "m", 1n), usage("a", "n", 2n), usage("a", "m", 3n), usage("a", "n", 4n)];
    const store = { record: async () => "ok" as const, read };
    const rows = await reportUsage(store, { agent: "", start: undefined, end: undefined }, now);
    assert.deepEqual(
      rows.map((row) => [row.agent, row.model, row.runs]),
      [
        ["a", "m", 3n],
        ["a", "n", 6n],
        ["b", "m", 1n],
      ],
    );
    assert.deepEqual(rows[1], { ...usage("a", "n", 6n), failedRuns: 2n, costMicroUsd: 10n, runsWithoutCost: 2n });
    const [only, ...others] = await reportUsage(store, { agent: "b", start: undefined, end: undefined }, now);
    assert.deepEqual([only?.agent, others], ["b", []]);
  });

  it("counts money in whole micro-dollars, and treats an invalid price as unknown", () => {
    assert.deepEqual([0, 0.1 + 0.2, 1e-7, 12.3456789].map(microUsd), [0n, 300_000n, 0n, 12_345_679n]);
    assert.deepEqual(
      [undefined, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e20, 1e305].map(microUsd),
      Array(6).fill(undefined),
    );
  });
});
