import { collectDefaultMetrics, Registry } from "prom-client";
import { showLogFailures } from "./log-stream.js";

/**
 * A registry with the process's own metrics (CPU, memory, event loop lag, garbage collection) and with what of its log could not be
 * written. One per service, also where several share a process.
 */
export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  showLogFailures(registry, service);
  return registry;
}
