import type { createPublisher } from "@ccsp/events";
import type { RedisClient } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { collectSignals } from "../signals/read-signals.js";
import type { SignalSource } from "../signals/signal.js";
import type { Duty } from "../state/leader.js";
import { type Alerts, createAlerts } from "./alerts.js";
import { exportAlerts } from "./metrics.js";
import { openAlertStores } from "./stores.js";

/** Two turns further apart than this have a time between them in which nobody looked. A change of the leader fits in. */
const MOST_UNSEEN_MS = 120_000;
const TURNS_MISSED = 4;

export interface OpenAlertsOptions {
  readonly redis: RedisClient;
  readonly publisher: ReturnType<typeof createPublisher>;
  readonly sources: readonly SignalSource[];
  readonly everyMs: number;
  readonly registry: Registry;
  readonly log: Logger;
}

/** Opens the alerts. Their duty judges the rules; calls change rules and silences on every replica. */
export function openAlerts({ redis, publisher, sources, everyMs, registry, log }: OpenAlertsOptions): {
  readonly alerts: Alerts;
  readonly duty: Duty;
} {
  const signals = collectSignals(sources);
  const mostUnseenMs = Math.max(MOST_UNSEEN_MS, TURNS_MISSED * everyMs);
  const stores = openAlertStores(redis, log);
  const alerts = createAlerts({
    stores,
    signals,
    publish: (event) => publisher.publish(event),
    now: Date.now,
    mostUnseenMs,
    log,
  });
  exportAlerts(registry, { alerts: stores.alerts, signals });
  return { alerts, duty: { name: "alerts", everyMs, turn: alerts.turn } };
}
