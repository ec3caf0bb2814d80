import { Counter, Gauge, type Registry } from "prom-client";
import type { AttemptMetrics } from "../domain/trace.js";

export interface ExecutorMetrics extends AttemptMetrics {
  unknownLine(engine: string): void;
  unknownFailure(engine: string): void;
}

/** Metrics of runs; labels come from closed sets. */
export function createExecutorMetrics(registry: Registry): ExecutorMetrics {
  const registers = [registry];
  const runs = new Gauge({
    name: "ccsp_executor_runs",
    help: "Attempts that this executor holds",
    labelNames: ["engine"],
    registers,
  });
  const total = new Counter({
    name: "ccsp_executor_runs_total",
    help: "Attempts that are over, by how they ended",
    labelNames: ["engine", "outcome"],
    registers,
  });
  const unknownFailures = new Counter({
    name: "ccsp_executor_unknown_failures_total",
    help: "Failed runs whose cause no rule knows",
    labelNames: ["engine"],
    registers,
  });
  const unknown = new Counter({
    name: "ccsp_executor_unknown_lines_total",
    help: "Lines of engines that were not understood and passed over",
    labelNames: ["engine"],
    registers,
  });
  return {
    started: (engine) => runs.inc({ engine }),
    ended(engine, outcome) {
      runs.dec({ engine });
      total.inc({ engine, outcome });
    },
    unknownLine: (engine) => unknown.inc({ engine }),
    unknownFailure: (engine) => unknownFailures.inc({ engine }),
  };
}
