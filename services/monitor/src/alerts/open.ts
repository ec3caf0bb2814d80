import { createPublisher } from "@ccsp/events";
import type { Client } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { RedisConnection } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { collectSignals } from "../signals/read-signals.js";
import type { SignalSource } from "../signals/signal.js";
import type { Duty } from "../state/leader.js";
import type { UsageStore } from "../usage/domain/usage-store.js";
import { createAlerts } from "./alerts.js";
import { type AlertHandlers, alertHandlers } from "./handlers.js";
import { exportAlerts } from "./metrics.js";
import { eventSignals } from "./sources/event-signals.js";
import { queueSignals } from "./sources/queue-signals.js";
import { lastEnds, runSignals } from "./sources/run-signals.js";
import { taskSignals } from "./sources/task-signals.js";
import { openAlertStores } from "./stored.js";

/** Two turns further apart than this have a time between them in which nobody looked. A change of the leader fits in. */
const MOST_UNSEEN_MS = 120_000;
const TURNS_MISSED = 4;

export interface AlertsSliceOptions {
  readonly redis: RedisConnection;
  readonly queue: Client<QueueServiceService>;
  readonly usage: UsageStore;
  /** What the other slices know. */
  readonly slices: readonly SignalSource[];
  /** The number of partitions of the event stream. */
  readonly partitions: number;
  readonly everyMs: number;
  readonly registry: Registry;
  readonly log: Logger;
}

/** The alerts: their RPCs, which change rules and silences on every replica, and the duty that judges the rules. */
export function openAlerts(options: AlertsSliceOptions): {
  readonly handlers: AlertHandlers;
  readonly duties: readonly Duty[];
} {
  const { redis, queue, usage, slices, partitions, everyMs, registry, log } = options;
  const signals = collectSignals([
    runSignals(usage),
    queueSignals({ queue, lastEnds: (now, withinMs) => lastEnds(usage, now, withinMs) }),
    taskSignals(queue),
    eventSignals(redis.client, partitions),
    ...slices,
  ]);
  const publisher = createPublisher(redis, "monitor");
  const stores = openAlertStores(redis.client, log);
  const alerts = createAlerts({
    stores,
    signals,
    publish: (event) => publisher.publish(event),
    now: Date.now,
    mostUnseenMs: Math.max(MOST_UNSEEN_MS, TURNS_MISSED * everyMs),
    log,
  });
  exportAlerts(registry, { alerts: stores.alerts, signals });
  return { handlers: alertHandlers(alerts), duties: [{ name: "alerts", everyMs, turn: alerts.turn }] };
}
