import assert from "node:assert/strict";
import { SharedCalls, type SharedCallsOptions } from "./shared-calls.js";

const LEASE_MS = 15_000;

describe("calls in progress that replicas count together", () => {
  let nowMs = 0;
  const now = () => nowMs;
  beforeEach(() => (nowMs = 0));

  /** Stands for Redis. */
  const store = () => {
    const counts = new Map<string, Map<string, number>>();
    const reportOf =
      (replica: string): SharedCallsOptions["report"] =>
      async (calls) =>
        calls.map(([who, count]) => {
          const all = counts.get(who) ?? new Map<string, number>();
          counts.set(who, all.set(replica, count));
          return [...all].reduce((sum, [name, each]) => (name === replica ? sum : sum + each), 0);
        });
    return (replica: string) => new SharedCalls({ max: 3, leaseMs: LEASE_MS, report: reportOf(replica), now });
  };

  it("are refused above the limit, and allowed again when one has ended", () => {
    const calls = store()("one");
    const leave = [calls.enter("a"), calls.enter("a"), calls.enter("a")];
    assert.equal(calls.enter("a"), undefined);
    assert.ok(calls.enter("b"));
    leave[0]?.();
    assert.ok(calls.enter("a"));
  });

  it("include those of another replica, until these have ended", async () => {
    const replica = store();
    const [one, other] = [replica("one"), replica("other")];
    const leave = [one.enter("a"), one.enter("a")];
    await one.sync();
    assert.ok(other.enter("a"));
    await other.sync();
    assert.equal(other.enter("a"), undefined, "three are in progress");
    for (const each of leave) each?.();
    await one.sync();
    // The refusal makes the replica ask again.
    await other.sync();
    assert.ok(other.enter("a"));
  });

  it("forget a replica from which nothing was heard for the lease", async () => {
    const calls = new SharedCalls({ max: 3, leaseMs: LEASE_MS, report: async (all) => all.map(() => 2), now });
    assert.ok(calls.enter("a"));
    await calls.sync();
    assert.equal(calls.enter("a"), undefined);
    nowMs = LEASE_MS;
    assert.ok(calls.enter("a"));
  });

  it("are reported again while they last, and not without need", async () => {
    let reports = 0;
    const report: SharedCallsOptions["report"] = async (all) => ((reports += 1), all.map(() => 0));
    const calls = new SharedCalls({ max: 100, leaseMs: LEASE_MS, report, now });
    const leave = calls.enter("a");
    for (const [ms, expected] of [
      [0, 1],
      [1_000, 1],
      [5_000, 2],
    ] as const) {
      nowMs = ms;
      await calls.sync();
      assert.equal(reports, expected);
    }
    leave?.();
    await calls.sync();
    nowMs = 60_000;
    await calls.sync();
    assert.equal(reports, 3);
  });
});
