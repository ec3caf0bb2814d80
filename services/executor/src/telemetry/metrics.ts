import { HOOK_POINTS } from "@ccsp/engine-kit";
import { CATEGORY_NAMES } from "@ccsp/errors";
import { declareCounter, declareGauge, declareHistogram } from "@ccsp/metrics";
import type { Registry } from "prom-client";
import type { HookMetrics } from "../domain/hooks/hook-calls.js";
import type { AttemptMetrics } from "../domain/trace.js";

const CPU_SECONDS = [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000, 3_000];
const MEMORY_BYTES = [64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192].map((mib) => mib * 1024 ** 2);

const RUNS = declareGauge({
  name: "ccsp_executor_runs",
  help: "Attempts that this executor holds",
  labels: { engine: "engines that executors offer" },
});

const TOTAL = declareCounter({
  name: "ccsp_executor_runs_total",
  help: "Attempts that are over, by how they ended",
  labels: { engine: "engines that executors offer", outcome: ["SUCCEEDED", "RELEASED", "LOST", ...CATEGORY_NAMES] },
});

const UNKNOWN_FAILURES = declareCounter({
  name: "ccsp_executor_unknown_failures_total",
  help: "Failed runs whose cause no rule knows",
  labels: { engine: "engines that executors offer" },
});

const UNKNOWN = declareCounter({
  name: "ccsp_executor_unknown_lines_total",
  help: "Lines of engines that were not understood and were skipped",
  labels: { engine: "engines that executors offer" },
});

const EXITS = declareCounter({
  name: "ccsp_executor_exits_total",
  help: "Runs whose processes have ended, by how the engine's process ended: by itself, by a signal, on request, or at the limit that it passed",
  labels: {
    engine: "engines that executors offer",
    cause: ["exited", "signal", "stopped", "wall", "silence", "stall", "memory", "processes"],
  },
});

const CPU = declareHistogram({
  name: "ccsp_executor_run_cpu_seconds",
  help: "User and system time of all processes of a run",
  labels: { engine: "engines that executors offer" },
  buckets: CPU_SECONDS,
});

const MEMORY = declareHistogram({
  name: "ccsp_executor_run_peak_memory_bytes",
  help: "Most memory that all processes of a run had at one time",
  labels: { engine: "engines that executors offer" },
  buckets: MEMORY_BYTES,
});

const MISCOUNTED = declareCounter({
  name: "ccsp_executor_miscounted_tokens_total",
  help: "Tokens by which the results of engines differ from what the broker counted of their runs",
  labels: { engine: "engines that executors offer" },
});

const HOOKS = declareCounter({
  name: "ccsp_executor_hook_calls_total",
  help: "Calls of hooks, by how they ended; dropped: events that were dropped because the hook was too slow",
  labels: { hook: "hooks in the settings", point: HOOK_POINTS, outcome: ["ok", "failed", "timeout", "dropped"] },
});

export interface ExecutorMetrics extends AttemptMetrics, HookMetrics {
  unknownLine(engine: string): void;
  unknownFailure(engine: string): void;
}

/** Metrics of runs. Label values come from closed sets. */
export function createExecutorMetrics(registry: Registry): ExecutorMetrics {
  const runs = RUNS(registry);
  const total = TOTAL(registry);
  const unknownFailures = UNKNOWN_FAILURES(registry);
  const unknown = UNKNOWN(registry);
  const exits = EXITS(registry);
  const cpu = CPU(registry);
  const memory = MEMORY(registry);
  const miscounted = MISCOUNTED(registry);
  const hooks = HOOKS(registry);
  return {
    started: (engine) => runs.inc({ engine }),
    ended(engine, outcome) {
      runs.dec({ engine });
      total.inc({ engine, outcome });
    },
    ran(engine, { cause = "exited", resources, miscountedTokens = 0 }) {
      exits.inc({ engine, cause });
      miscounted.inc({ engine }, miscountedTokens);
      if (resources?.cpuMs !== undefined) cpu.observe({ engine }, resources.cpuMs / 1_000);
      if (resources?.peakMemoryBytes !== undefined) memory.observe({ engine }, resources.peakMemoryBytes);
    },
    hookCalled: (hook, point, outcome) => hooks.inc({ hook, point, outcome }),
    unknownLine: (engine) => unknown.inc({ engine }),
    unknownFailure: (engine) => unknownFailures.inc({ engine }),
  };
}
