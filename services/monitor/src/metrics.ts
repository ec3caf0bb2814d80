import type { Outcome } from "@ccsp/events";
import { Counter, type Registry } from "prom-client";

export function createMonitorMetrics(registry: Registry) {
  const deliveries = new Counter({
    name: "ccsp_monitor_event_deliveries_total",
    help: "Deliveries of events, by outcome; parked ones need a person",
    labelNames: ["outcome"],
    registers: [registry],
  });
  const runs = new Counter({
    name: "ccsp_monitor_runs_total",
    help: "Ended runs in events; ok: counted now, repeat: counted before",
    labelNames: ["outcome"],
    registers: [registry],
  });
  const probes = new Counter({
    name: "ccsp_monitor_session_probes_total",
    help: "Probes of logins, by answer; unclear: it says nothing about the login, unmade: no request was sent",
    labelNames: ["answer"],
    registers: [registry],
  });
  return { runs, probes, countDelivery: (outcome: Outcome) => deliveries.inc({ outcome }) };
}
