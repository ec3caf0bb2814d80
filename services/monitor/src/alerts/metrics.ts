import { declareGauge, type Labels } from "@ccsp/metrics";
import type { Registry } from "prom-client";
import type { Reading, Signals } from "../signals/read-signals.js";
import type { StateStore } from "../state/state-store.js";
import type { RuleAlerts } from "./domain/judge.js";

const ALERTS = declareGauge({
  name: "ccsp_monitor_alerts",
  help: "Alerts of each rule, by their state; every replica shows the same",
  labels: { rule: "the rules of alerts, at most 500", state: ["pending", "firing"] },
});

const INSTANCE = { service: "the services", instance: "the instances of a service" };

/** The signals that rules of Prometheus use and that only the monitor knows, by their metric. Their labels are closed. */
const SIGNALS: Readonly<Record<string, ReturnType<typeof declareGauge<Labels>>>> = {
  usage_window_share: declareGauge({
    name: "ccsp_monitor_usage_window_share",
    help: "Share of a usage window of an account that is used; every replica shows the same",
    labels: {
      engine: "the engines of the installation",
      account: "the logins of the installation",
      window: "the windows of the engine",
    },
  }),
  budget_share: declareGauge({
    name: "ccsp_monitor_budget_share",
    help: "Share of a budget that is used in its period; every replica shows the same",
    labels: { budget: "the budgets of the installation" },
  }),
  parked_events: declareGauge({
    name: "ccsp_monitor_parked_events",
    help: "Events that a service could not handle and has parked; every replica shows the same",
    labels: { group: ["monitor", "notification"] },
  }),
  certificate_expires_seconds: declareGauge({
    name: "ccsp_monitor_certificate_expires_seconds",
    help: "Time until the first certificate of an instance expires; every replica shows the same",
    labels: INSTANCE,
  }),
  disk_free_share: declareGauge({
    name: "ccsp_monitor_disk_free_share",
    help: "Share of the disk that is free where an instance stores its files; every replica shows the same",
    labels: INSTANCE,
  }),
};

export interface ExportOptions {
  readonly alerts: Pick<StateStore<RuleAlerts>, "list">;
  readonly signals: Signals;
}

/** Shows the alerts and some signals. One scrape reads them once, and leaves out what cannot be read. */
export function exportAlerts(registry: Registry, { alerts, signals }: ExportOptions): void {
  const shown = ALERTS(registry, async () => {
    const entries = await alerts.list().catch(() => []);
    shown.reset();
    for (const { name: rule, value } of entries)
      for (const state of ["pending", "firing"] as const)
        shown.set({ rule, state }, Object.values(value.active).filter((alert) => alert.state === state).length);
  });

  const wanted = new Set(Object.keys(SIGNALS).filter((metric) => signals.metrics.has(metric)));
  let reading: Promise<ReadonlyMap<string, Reading>> | undefined;
  const readOnce = (): Promise<ReadonlyMap<string, Reading>> => {
    reading ??= signals.read(wanted, new Date()).finally(() => {
      reading = undefined;
    });
    return reading;
  };
  for (const [metric, declared] of Object.entries(SIGNALS)) {
    if (!wanted.has(metric)) continue;
    const gauge = declared(registry, async () => {
      const found = (await readOnce()).get(metric);
      gauge.reset();
      if (found !== undefined && "signals" in found)
        for (const { labels, value } of found.signals) gauge.set({ ...labels }, value);
    });
  }
}
