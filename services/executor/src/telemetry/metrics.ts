import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { HookMetrics } from "../domain/hooks/hook-calls.js";
import type { AttemptMetrics } from "../domain/trace.js";

export interface ExecutorMetrics extends AttemptMetrics, HookMetrics {
  unknownLine(engine: string): void;
  unknownFailure(engine: string): void;
}

const CPU_SECONDS = [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000, 3_000];
const MEMORY_BYTES = [64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192].map((mib) => mib * 1024 ** 2);

/** Metrics of runs. Label values come from closed sets. */
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
    help: "Lines of engines that were not understood and were skipped",
    labelNames: ["engine"],
    registers,
  });
  const exits = new Counter({
    name: "ccsp_executor_exits_total",
    help: "Runs whose processes have ended, by how the engine's process ended: by itself, by a signal, on request, or at the limit that it passed",
    labelNames: ["engine", "cause"],
    registers,
  });
  const cpu = new Histogram({
    name: "ccsp_executor_run_cpu_seconds",
    help: "User and system time of all processes of a run",
    labelNames: ["engine"],
    buckets: CPU_SECONDS,
    registers,
  });
  const memory = new Histogram({
    name: "ccsp_executor_run_peak_memory_bytes",
    help: "Most memory that all processes of a run had at one time",
    labelNames: ["engine"],
    buckets: MEMORY_BYTES,
    registers,
  });
  const hooks = new Counter({
    name: "ccsp_executor_hook_calls_total",
    help: "Calls of hooks, by how they ended; dropped: events that were dropped because the hook was too slow",
    labelNames: ["hook", "point", "outcome"],
    registers,
  });
  return {
    started: (engine) => runs.inc({ engine }),
    ended(engine, outcome) {
      runs.dec({ engine });
      total.inc({ engine, outcome });
    },
    ran(engine, { cause = "exited", resources }) {
      exits.inc({ engine, cause });
      if (resources?.cpuMs !== undefined) cpu.observe({ engine }, resources.cpuMs / 1_000);
      if (resources?.peakMemoryBytes !== undefined) memory.observe({ engine }, resources.peakMemoryBytes);
    },
    hookCalled: (hook, point, outcome) => hooks.inc({ hook, point, outcome }),
    unknownLine: (engine) => unknown.inc({ engine }),
    unknownFailure: (engine) => unknownFailures.inc({ engine }),
  };
}
