import { declareCounter, declareGauge } from "@ccsp/metrics";
import type { Registry } from "prom-client";
import type { WarmMetrics } from "../warm/waiting.js";

const STARTS = declareCounter({
  name: "ccsp_executor_starts_total",
  help: "Runs for which a waiting process was possible: warm had one, cold had none",
  labels: { engine: "engines that executors offer", how: ["warm", "cold"] },
});

const WAITING = declareGauge({
  name: "ccsp_executor_warm",
  help: "Processes that wait for a run",
  labels: { engine: "engines that executors offer" },
});

const OVER = declareCounter({
  name: "ccsp_executor_warm_over_total",
  help: "Processes that stopped waiting, by reason: used, too old (age), too much memory together (memory), unwanted, died, or off",
  labels: { engine: "engines that executors offer", why: ["used", "age", "memory", "unwanted", "died", "off"] },
});

/** Metrics of processes that wait for runs. Label values come from closed sets. */
export function createWarmMetrics(registry: Registry): WarmMetrics {
  const starts = STARTS(registry);
  const waiting = WAITING(registry);
  const over = OVER(registry);
  return {
    started: (engine, how) => starts.inc({ engine, how }),
    waiting: (engine, many) => waiting.set({ engine }, many),
    over: (engine, why) => over.inc({ engine, why }),
  };
}
