import { declareCounter } from "@ccsp/metrics";
import { type Counter, collectDefaultMetrics, Registry } from "prom-client";
import { lostLines } from "./output.js";

const FAILURES = declareCounter({
  name: "ccsp_log_write_failures_total",
  help: "Writes of the process' log that failed, as on a full disk",
});
const DROPPED = declareCounter({
  name: "ccsp_log_lines_dropped_total",
  help: "Lines of the process' log that were given up, because nobody read them or writes failed",
});

/**
 * Creates a registry with the metrics of the process (CPU, memory, event loop lag, garbage collection) and with the
 * counters of lost log lines. Each service has its own registry, also if several services share a process.
 */
export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const failures = FAILURES(registry, () => setTo(failures, lostLines().failures));
  const dropped = DROPPED(registry, () => setTo(dropped, lostLines().dropped));
  return registry;
}

/** The outputs of the process count for all of its services. */
function setTo(counter: Counter, value: number): void {
  counter.reset();
  counter.inc(value);
}
