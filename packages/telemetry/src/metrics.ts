import { collectDefaultMetrics, Registry } from "prom-client";
import { showLogFailures } from "./log-stream.js";

/**
 * Creates a registry with the metrics of the process (CPU, memory, event loop lag, garbage collection) and with the
 * counters of failed log writes. Each service has its own registry, also if several services share a process.
 */
export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  showLogFailures(registry, service);
  return registry;
}
