import { declareGauge, type Labels } from "@ccsp/metrics";
import type { Gauge, Registry } from "prom-client";

/** A value that the rules of alerts compare, as it is now. */
export interface Signal {
  /** Name of its metric. */
  readonly metric: string;
  /** What it is about. The labels are those that its metric names. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric of signals. People write rules with its name. */
export interface SignalMetric {
  /** Lower case with `_`, and the unit at the end, such as `queue_oldest_wait_seconds`. */
  readonly name: string;
  /** One sentence for people. */
  readonly help: string;
  /** The names of its labels. */
  readonly labels: readonly string[];
}

/** A part of the monitor that knows signals. */
export interface SignalSource {
  readonly metrics: readonly SignalMetric[];
  /** Returns the signals as they are now. Rejects when they cannot be known: then no rule on its metrics is judged. */
  read(now: Date): Promise<readonly Signal[]>;
}

/** A metric of signals that Prometheus gets too, as the gauge `ccsp_monitor_<name>`. */
export interface ExportedSignal extends SignalMetric {
  readonly gauge: (registry: Registry, collect: () => Promise<void>) => Gauge;
}

/**
 * Declares a metric of signals that is exported. Use it at the top of a module, and only for labels with few values:
 * there is a series in Prometheus for each. `labels` are those of `declareGauge`.
 */
export function exportedSignal({
  name,
  help,
  labels,
}: Pick<SignalMetric, "name" | "help"> & { readonly labels: Labels }): ExportedSignal {
  const gauge = declareGauge({ name: `ccsp_monitor_${name}`, help, labels });
  return { name, help, labels: Object.keys(labels), gauge };
}

export const isExported = (metric: SignalMetric): metric is ExportedSignal => "gauge" in metric;
