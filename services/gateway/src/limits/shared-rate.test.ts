import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { SharedRate, type SharedRateOptions } from "./shared-rate.js";

const LIMIT = { points: 100, windowMs: 10_000 };

describe("a rate that replicas share", () => {
  let nowMs = 0;
  let used = 0;
  let reports: number[];
  const now = () => nowMs;
  beforeEach(() => ([nowMs, used, reports] = [0, 0, []]));
  /** All replicas of a test add to the same window, as they do in Redis. */
  const add: SharedRateOptions["add"] = async (_who, points) => {
    reports.push(points);
    used += points;
    return { used, leftMs: LIMIT.windowMs - nowMs };
  };
  const replica = (options: Partial<SharedRateOptions> = {}) => new SharedRate({ ...LIMIT, add, now, ...options });
  const spend = (rate: SharedRate, times: number) => {
    for (let i = 0; i < times; i++) rate.spend("a", 1);
  };

  it("refuses at the limit, says for how long, and allows again when the window has ended", () => {
    const rate = replica();
    spend(rate, 99);
    assert.equal(rate.waitMs("a"), 0);
    spend(rate, 1);
    assert.equal(rate.waitMs("a"), 10_000);
    assert.equal(rate.waitMs("b"), 0);
    nowMs = 10_000;
    assert.equal(rate.waitMs("a"), 0);
  });

  it("counts what another replica reported, once it reports itself", async () => {
    const [one, other] = [replica(), replica()];
    spend(one, 99);
    await turn();
    one.sync();
    await turn();
    spend(other, 1);
    assert.equal(other.waitMs("a"), 0);
    other.sync();
    await turn();
    assert.ok(other.waitMs("a") > 0);
  });

  it("reports at once when a tenth of the limit is unreported, and otherwise only when it is told to", async () => {
    const rate = replica();
    spend(rate, 9);
    await turn();
    assert.deepEqual(reports, []);
    spend(rate, 1);
    await turn();
    assert.deepEqual(reports, [10]);
    spend(rate, 2);
    rate.sync();
    await turn();
    assert.deepEqual(reports, [10, 2]);
    rate.sync();
    assert.deepEqual(reports, [10, 2]);
  });

  it("reports what was used during a report when its answer comes, if that is a tenth of the limit", async () => {
    const rate = replica();
    spend(rate, 95);
    await turn();
    assert.deepEqual(reports, [10, 85]);
    spend(rate, 5);
    await turn();
    assert.deepEqual(reports, [10, 85]);
  });

  it("holds for this replica alone while the store does not answer, and lets a new window begin", () => {
    let asked = 0;
    const rate = replica({ add: () => ((asked += 1), new Promise(() => undefined)) });
    spend(rate, 100);
    assert.ok(rate.waitMs("a") > 0);
    assert.equal(asked, 1);
    nowMs = 10_000;
    assert.equal(rate.waitMs("a"), 0);
    spend(rate, 100);
    assert.ok(rate.waitMs("a") > 0);
  });

  it("has no limit at 0", () => {
    const rate = replica({ points: 0 });
    spend(rate, 1_000);
    assert.equal(rate.waitMs("a"), 0);
    assert.deepEqual(reports, []);
  });
});
