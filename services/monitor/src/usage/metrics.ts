import { declareCounter } from "@ccsp/metrics";
import type { Registry } from "prom-client";
import { OTHER, type Run } from "./domain/run.js";
import type { UsageStore } from "./domain/usage-store.js";

/**
 * Agents can name models that do not exist, and `RecordUsage` any engine and account. Each name would be a series in
 * Prometheus.
 */
const MOST_NAMES = 100;
/** The most combinations of engine, account and model. */
const MOST_SERIES = 1_000;

const BOUND = `at most ${MOST_NAMES} of a process, then \`${OTHER}\``;
const WHAT = {
  engine: `engines that executors offer or \`RecordUsage\` names, ${BOUND}`,
  account: `accounts of the executors or that \`RecordUsage\` names, ${BOUND}`,
  model: `models that answered, ${BOUND}; empty for a run without an answer`,
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
  const [engines, accounts, models] = [bounded(MOST_NAMES), bounded(MOST_NAMES), bounded(MOST_NAMES)];
  const series = bounded(MOST_SERIES);
  return ({ taskId, row, outcome, tokens: used, costMicroUsd }) => {
    const isOutside = taskId === "";
    const name = (of: ReturnType<typeof bounded>, value: string) => (of(value, isOutside) ? value : OTHER);
    // A run that gave no answer has the model that its task asked for, which may be any word.
    const model = name(models, outcome === "succeeded" ? row.model : "");
    const named = { engine: name(engines, row.engine), account: name(accounts, row.account), model };
    const fits = series(JSON.stringify(named), isOutside);
    const what = fits ? named : { engine: OTHER, account: OTHER, model: OTHER };
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

/** Says whether a value is one of the first ones. Work done outside takes at most half of the places. */
function bounded(most: number): (value: string, isOutside: boolean) => boolean {
  const known = new Set([""]);
  return (value, isOutside) => {
    if (known.size < (isOutside ? most / 2 : most)) known.add(value);
    return known.has(value);
  };
}
