import { Gauge, type Registry } from "prom-client";
import type { Signals } from "../signals/read-signals.js";
import type { StateStore } from "../state/state-store.js";
import { DEFAULT_RULES } from "./domain/default-rules.js";
import type { RuleAlerts } from "./domain/judge.js";

/** The metrics of signals that rules of Prometheus use. The values of their labels come from closed sets. */
const EXPORTED: ReadonlySet<string> = new Set(
  DEFAULT_RULES.flatMap(({ metric, prometheus }) =>
    prometheus?.value.includes(`ccsp_monitor_${metric}`) === true ? [metric] : [],
  ),
);

export interface ExportOptions {
  readonly alerts: Pick<StateStore<RuleAlerts>, "list">;
  readonly signals: Signals;
}

/**
 * Shows the alerts, and the signals that only the monitor knows. Every replica shows the same. A scrape reads them once;
 * what cannot be read is left out.
 */
export function exportAlerts(registry: Registry, { alerts, signals }: ExportOptions): void {
  const shown = new Gauge({
    name: "ccsp_monitor_alerts",
    help: "Alerts of each rule, by their state",
    labelNames: ["rule", "state"],
    registers: [registry],
    async collect() {
      this.reset();
      for (const { name: rule, value } of await alerts.list().catch(() => []))
        for (const state of ["pending", "firing"] as const) {
          const count = Object.values(value.active).filter((alert) => alert.state === state).length;
          this.set({ rule, state }, count);
        }
    },
  });
  shown.reset();

  const wanted = new Set([...EXPORTED].filter((metric) => signals.metrics.has(metric)));
  let reading: ReturnType<Signals["read"]> | undefined;
  const readOnce = (): ReturnType<Signals["read"]> => {
    reading ??= signals.read(wanted, new Date()).finally(() => {
      reading = undefined;
    });
    return reading;
  };
  for (const metric of wanted) {
    const { help = "", labels = [] } = signals.metrics.get(metric) ?? {};
    const gauge: Gauge = new Gauge({
      name: `ccsp_monitor_${metric}`,
      help,
      labelNames: [...labels],
      registers: [registry],
      async collect() {
        const found = (await readOnce()).get(metric);
        gauge.reset();
        for (const signal of found !== undefined && "signals" in found ? found.signals : [])
          gauge.set({ ...signal.labels }, signal.value);
      },
    });
  }
}
