import { declareCounter } from "@ccsp/metrics";
import type { Registry } from "prom-client";
import { OTHER, type Run } from "./domain/run.js";
import type { UsageStore } from "./domain/usage-store.js";

/** Agents can name models that do not exist, and each name would be a series in Prometheus. */
const MOST_MODELS = 100;

const WHAT = {
  engine: "engines that executors offer",
  account: "accounts of the executors",
  model: `models that answered, at most ${MOST_MODELS} of a process, then \`${OTHER}\`; empty for a run without an answer`,
} as const;
const RUNS = declareCounter({
  name: "ccsp_monitor_usage_runs_total",
  help: "Ended runs, each counted by one replica",
  labels: { ...WHAT, outcome: ["succeeded", "failed", "cancelled"] },
});
const TOKENS = declareCounter({
  name: "ccsp_monitor_usage_tokens_total",
  help: "Tokens of ended runs, as far as they are known",
  labels: { ...WHAT, kind: ["input", "output", "cache_read", "cache_creation"] },
});
const COST = declareCounter({
  name: "ccsp_monitor_usage_cost_usd_total",
  help: "Cost of ended runs, as far as it is known",
  labels: WHAT,
});
const UNKNOWN = declareCounter({
  name: "ccsp_monitor_usage_unknown_cost_runs_total",
  help: "Ended runs whose cost is not known, which is not the same as no cost",
  labels: WHAT,
});

/** Returns the store, and adds what this replica counts in it to the metrics. A repeat adds nothing. */
export function withUsageMetrics(store: UsageStore, registry: Registry): UsageStore {
  const add = addRun(registry);
  return {
    ...store,
    record: async (run) => {
      const outcome = await store.record(run);
      if (outcome === "ok") add(run);
      return outcome;
    },
  };
}

function addRun(registry: Registry): (run: Run) => void {
  const [runs, tokens, cost, unknown] = [RUNS(registry), TOKENS(registry), COST(registry), UNKNOWN(registry)];
  const models = new Set<string>([""]);
  const modelOf = (model: string): string => {
    if (models.size < MOST_MODELS) models.add(model);
    return models.has(model) ? model : OTHER;
  };
  return ({ row, outcome, tokens: used, costMicroUsd }) => {
    // A run that gave no answer has the model that its task asked for, which may be any word.
    const model = modelOf(outcome === "succeeded" ? row.model : "");
    const what = { engine: row.engine, account: row.account, model };
    runs.inc({ ...what, outcome });
    if (costMicroUsd === undefined) unknown.inc(what);
    else cost.inc(what, costMicroUsd / 1e6);
    if (used === undefined) return;
    tokens.inc({ ...what, kind: "input" }, used.input);
    tokens.inc({ ...what, kind: "output" }, used.output);
    tokens.inc({ ...what, kind: "cache_read" }, used.cacheRead);
    tokens.inc({ ...what, kind: "cache_creation" }, used.cacheCreation);
  };
}
