import { declareGauge } from "@ccsp/metrics";
import type { Registry } from "prom-client";
import type { Signals } from "../signals/read-signals.js";
import { isExported } from "../signals/signal.js";
import type { StateStore } from "../state/state-store.js";
import type { RuleAlerts } from "./domain/judge.js";

export interface ExportOptions {
  readonly alerts: Pick<StateStore<RuleAlerts>, "list">;
  readonly signals: Signals;
}

const ALERTS = declareGauge({
  name: "ccsp_monitor_alerts",
  help: "Alerts of each rule, by their state",
  labels: { rule: "rules of alerts", state: ["pending", "firing"] },
});

/**
 * Shows the alerts, and the signals that are exported. Every replica shows the same. A scrape reads them once; what
 * cannot be read is left out.
 */
export function exportAlerts(registry: Registry, { alerts, signals }: ExportOptions): void {
  const shown = ALERTS(registry, async () => {
    shown.reset();
    for (const { name: rule, value } of await alerts.list().catch(() => []))
      for (const state of ["pending", "firing"] as const) {
        const count = Object.values(value.active).filter((alert) => alert.state === state).length;
        shown.set({ rule, state }, count);
      }
  });
  shown.reset();

  const exported = [...signals.metrics.values()].filter(isExported);
  const wanted = new Set(exported.map(({ name }) => name));
  let reading: ReturnType<Signals["read"]> | undefined;
  const readOnce = (): ReturnType<Signals["read"]> => {
    reading ??= signals.read(wanted, new Date()).finally(() => {
      reading = undefined;
    });
    return reading;
  };
  for (const metric of exported) {
    const gauge = metric.gauge(registry, async () => {
      const found = (await readOnce()).get(metric.name);
      gauge.reset();
      for (const signal of found !== undefined && "signals" in found ? found.signals : [])
        gauge.set({ ...signal.labels }, signal.value);
    });
    // Without labels, prom-client shows 0 for what was never set.
    gauge.reset();
  }
}
