import { Counter, Gauge, type Registry } from "prom-client";
import type { WarmMetrics } from "../warm/waiting.js";

/** Metrics of processes that wait for runs. Label values come from closed sets. */
export function createWarmMetrics(registry: Registry): WarmMetrics {
  const registers = [registry];
  const starts = new Counter({
    name: "ccsp_executor_starts_total",
    help: "Runs for which a waiting process was possible: warm had one, cold had none",
    labelNames: ["engine", "how"],
    registers,
  });
  const waiting = new Gauge({
    name: "ccsp_executor_warm",
    help: "Processes that wait for a run",
    labelNames: ["engine"],
    registers,
  });
  const over = new Counter({
    name: "ccsp_executor_warm_over_total",
    help: "Processes that stopped waiting, by reason: used, too old (age), too much memory together (memory), unwanted, died, or off",
    labelNames: ["engine", "why"],
    registers,
  });
  return {
    started: (engine, how) => starts.inc({ engine, how }),
    waiting: (engine, many) => waiting.set({ engine }, many),
    over: (engine, why) => over.inc({ engine, why }),
  };
}
