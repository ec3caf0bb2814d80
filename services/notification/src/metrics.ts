import type { Outcome } from "@ccsp/events";
import { declareCounter } from "@ccsp/metrics";
import type { Registry } from "prom-client";
import type { DeliveryOutcome } from "./delivery/channel-worker.js";

const DELIVERIES = declareCounter({
  name: "ccsp_notification_event_deliveries_total",
  help: "Deliveries of events, by outcome; parked ones need a person",
  labels: { outcome: ["handled", "failed", "parked", "unknown"] },
});

const OUTCOMES = declareCounter({
  name: "ccsp_notification_channel_deliveries_total",
  help: "Attempts to deliver a notification to a channel; repeat: it had been accepted before; dead: it was given up",
  labels: { channel: "channels in the settings", outcome: ["ok", "repeat", "failed", "dead"] },
});

export function createNotificationMetrics(registry: Registry) {
  const deliveries = DELIVERIES(registry);
  const outcomes = OUTCOMES(registry);
  return {
    countDelivery: (outcome: Outcome) => deliveries.inc({ outcome }),
    countOutcome: (channel: string, outcome: DeliveryOutcome) => outcomes.inc({ channel, outcome }),
  };
}
