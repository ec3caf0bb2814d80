import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { AttemptMetrics } from "../domain/trace.js";
import type { WarmMetrics } from "../warm/waiting.js";

export interface ExecutorMetrics extends AttemptMetrics {
  readonly warm: WarmMetrics;
  unknownLine(engine: string): void;
  unknownFailure(engine: string): void;
}

const CPU_SECONDS = [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000, 3_000];
const MEMORY_BYTES = [64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192].map((mib) => mib * 1024 ** 2);

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
  const exits = new Counter({
    name: "ccsp_executor_exits_total",
    help: "Runs whose processes are gone, by why the engine's ended: by itself, by a signal, on request, or the limit it passed",
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
  const starts = new Counter({
    name: "ccsp_executor_starts_total",
    help: "Runs that could have a process that waited for them: warm had one, cold had not",
    labelNames: ["engine", "how"],
    registers,
  });
  const waiting = new Gauge({
    name: "ccsp_executor_warm",
    help: "Processes that wait for a run",
    labelNames: ["engine"],
    registers,
  });
  const waited = new Counter({
    name: "ccsp_executor_warm_over_total",
    help: "Processes that wait no more: used, too old (age), too much together (memory), unwanted, died, or off",
    labelNames: ["engine", "why"],
    registers,
  });
  return {
    warm: {
      started: (engine, how) => starts.inc({ engine, how }),
      waiting: (engine, many) => waiting.set({ engine }, many),
      over: (engine, why) => waited.inc({ engine, why }),
    },
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
    unknownLine: (engine) => unknown.inc({ engine }),
    unknownFailure: (engine) => unknownFailures.inc({ engine }),
  };
}
