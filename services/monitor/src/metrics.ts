import type { Outcome } from "@ccsp/events";
import { declareCounter } from "@ccsp/metrics";
import type { Registry } from "prom-client";

const DELIVERIES = declareCounter({
  name: "ccsp_monitor_event_deliveries_total",
  help: "Deliveries of events, by outcome; parked ones need a person",
  labels: { outcome: ["handled", "failed", "parked", "unknown"] },
});

const RUNS = declareCounter({
  name: "ccsp_monitor_runs_total",
  help: "Ended runs in events; ok: counted now, repeat: counted before",
  labels: { outcome: ["ok", "repeat"] },
});

const PROBES = declareCounter({
  name: "ccsp_monitor_session_probes_total",
  help: "Probes of logins, by answer; unclear: it says nothing about the login, unmade: no request was sent",
  labels: { answer: ["works", "refused", "unclear", "unmade"] },
});

export function createMonitorMetrics(registry: Registry) {
  const deliveries = DELIVERIES(registry);
  const runs = RUNS(registry);
  const probes = PROBES(registry);
  return {
    /** Undefined: the event has no run. */
    countRun: (outcome: "ok" | "repeat" | undefined) => outcome && runs.inc({ outcome }),
    countProbe: (answer: "works" | "refused" | "unclear" | "unmade") => probes.inc({ answer }),
    countDelivery: (outcome: Outcome) => deliveries.inc({ outcome }),
  };
}
