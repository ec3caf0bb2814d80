import type { Outcome } from "@ccsp/events";
import { Counter, type Registry } from "prom-client";
import type { DeliveryOutcome } from "./delivery/channel-worker.js";

export function createNotificationMetrics(registry: Registry) {
  const deliveries = new Counter({
    name: "ccsp_notification_event_deliveries_total",
    help: "Deliveries of events, by outcome; parked ones need a person",
    labelNames: ["outcome"],
    registers: [registry],
  });
  const outcomes = new Counter({
    name: "ccsp_notification_channel_deliveries_total",
    help: "Attempts to deliver a notification to a channel; repeat: it had been accepted before; dead: it was given up",
    labelNames: ["channel", "outcome"],
    registers: [registry],
  });
  return {
    countDelivery: (outcome: Outcome) => deliveries.inc({ outcome }),
    countOutcome: (channel: string, outcome: DeliveryOutcome) => outcomes.inc({ channel, outcome }),
  };
}
