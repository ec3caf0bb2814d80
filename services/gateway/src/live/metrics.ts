import { declareCounter, declareGauge } from "@ccsp/metrics";
import type { Registry } from "prom-client";
import { TOPIC_NAMES } from "./topics.js";

const CONNECTIONS = declareGauge({
  name: "ccsp_gateway_live_connections",
  help: "Open WebSockets, also of callers who have not proven who they are yet",
});

const SUBSCRIPTIONS = declareGauge({
  name: "ccsp_gateway_live_subscriptions",
  help: "Subscriptions of open WebSockets",
  labels: { topic: TOPIC_NAMES },
});

const SENT = declareCounter({
  name: "ccsp_gateway_live_sent_total",
  help: "Events and snapshots that were sent over WebSockets",
  labels: { type: ["event", "snapshot"] },
});

const MISSED = declareCounter({
  name: "ccsp_gateway_live_missed_total",
  help: "Events that were not sent over a WebSocket, because its reader was too slow",
});

export type LiveMetrics = ReturnType<typeof createLiveMetrics>;

export function createLiveMetrics(registry: Registry | undefined) {
  return {
    connections: CONNECTIONS(registry),
    subscriptions: SUBSCRIPTIONS(registry),
    sent: SENT(registry),
    missed: MISSED(registry),
  };
}
