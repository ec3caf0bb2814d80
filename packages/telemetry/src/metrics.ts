import { declareCounter } from "@ccsp/metrics";
import { type Counter, collectDefaultMetrics, Registry } from "prom-client";
import { lostLines } from "./output.js";
import { lostSpans } from "./span-export.js";

const FAILURES = declareCounter({
  name: "ccsp_log_write_failures_total",
  help: "Writes of the process' log that failed, as on a full disk",
});
const DROPPED = declareCounter({
  name: "ccsp_log_lines_dropped_total",
  help: "Lines of the process' log that were given up, because nobody read them or writes failed",
});
const LOST_SPANS = declareCounter({
  name: "ccsp_spans_lost_total",
  help: "Spans of the process that the collector did not get, because it did not accept them or too many waited",
});

/**
 * Creates a registry with the metrics of the process (CPU, memory, event loop lag, garbage collection) and with the
 * counters of lost log lines and spans. Each service has its own registry, also if several services share a process.
 */
export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const failures = FAILURES(registry, () => setTo(failures, lostLines().failures));
  const dropped = DROPPED(registry, () => setTo(dropped, lostLines().dropped));
  const spans = LOST_SPANS(registry, () => setTo(spans, lostSpans()));
  return registry;
}

/** The outputs of the process count for all of its services. */
function setTo(counter: Counter, value: number): void {
  counter.reset();
  counter.inc(value);
}
