import assert from "node:assert/strict";
import { Registry } from "prom-client";
import type { Run } from "./domain/run.js";
import type { UsageStore } from "./domain/usage-store.js";
import { withUsageMetrics } from "./metrics.js";

const RUN: Run = {
  id: "1",
  partition: 0,
  taskId: "0-t",
  traceparent: "",
  endTime: new Date(0),
  row: { agent: "a", engine: "e", account: "x", model: "m", priority: "", label: "" },
  outcome: "succeeded",
  tokens: { input: 1, output: 2, cacheRead: 3, cacheCreation: 4 },
  costMicroUsd: 1_500_000,
  runMs: undefined,
  waitMs: undefined,
};

describe("the metrics of usage", () => {
  const seen = new Set<string>();
  const refuse = (): never => assert.fail("only records");
  const store: UsageStore = {
    record: async ({ id }) => {
      if (seen.has(id)) return "repeat";
      seen.add(id);
      return "ok";
    },
    read: refuse,
    readMinutes: refuse,
    readAttempts: refuse,
    readAgents: refuse,
    readCounters: refuse,
    dropCounters: refuse,
  };
  const lines = async (registry: Registry): Promise<string[]> => (await registry.metrics()).split("\n");

  it("add each run once, with unknown cost apart from no cost", async () => {
    seen.clear();
    const registry = new Registry();
    const counting = withUsageMetrics(store, registry);
    for (const run of [RUN, RUN, { ...RUN, id: "2", costMicroUsd: undefined, tokens: undefined }])
      await counting.record(run);
    const shown = await lines(registry);
    const what = 'engine="e",account="x",model="m"';
    for (const line of [
      `ccsp_monitor_usage_runs_total{${what},outcome="succeeded"} 2`,
      `ccsp_monitor_usage_cost_usd_total{${what}} 1.5`,
      `ccsp_monitor_usage_unknown_cost_runs_total{${what}} 1`,
      `ccsp_monitor_usage_tokens_total{${what},kind="cache_read"} 3`,
    ])
      assert.ok(shown.includes(line), line);
  });

  it("have few models, also when engines answer with ever new ones or agents ask for them", async () => {
    seen.clear();
    const registry = new Registry();
    const counting = withUsageMetrics(store, registry);
    for (let at = 0; at < 300; at += 1)
      await counting.record({ ...RUN, id: `${at}`, row: { ...RUN.row, model: `m-${at}` } });
    await counting.record({ ...RUN, id: "failed", outcome: "failed", row: { ...RUN.row, model: "invented" } });
    const runs = (await lines(registry)).filter((line) => line.startsWith("ccsp_monitor_usage_runs_total{"));
    assert.equal(runs.length, 101);
    assert.ok(runs.some((line) => line.endsWith('model="other",outcome="succeeded"} 201')));
    assert.ok(!runs.some((line) => line.includes("invented")));
  });

  it("have few accounts and engines, also when work outside CCSP names ever new ones, and keep room for those of tasks", async () => {
    seen.clear();
    const registry = new Registry();
    const counting = withUsageMetrics(store, registry);
    const outside = (at: number) => ({ engine: `e-${at % 30}`, account: `x-${at}`, model: `m-${at % 40}` });
    for (let at = 0; at < 2_000; at += 1)
      await counting.record({ ...RUN, id: `${at}`, taskId: "", row: { ...RUN.row, ...outside(at) } });
    await counting.record({ ...RUN, id: "task", row: { ...RUN.row, account: "team" } });
    const runs = (await lines(registry)).filter((line) => line.startsWith("ccsp_monitor_usage_runs_total{"));
    assert.ok(runs.length <= 502, `${runs.length} series`);
    assert.ok(runs.some((line) => line.includes('account="team"')));
  });
});
