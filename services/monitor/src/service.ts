import { consumeEvents, createPublisher, withEventSpan } from "@ccsp/events";
import { implement } from "@ccsp/grpc-kit";
import type { ServiceDefinition } from "@ccsp/lifecycle";
import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { openRedis } from "@ccsp/redis-kit";
import { openAdaptation } from "./adaptation/open-adaptation.js";
import { windowPressure } from "./adaptation/window-pressure.js";
import { alertHandlers } from "./alerts/handlers.js";
import { openAlerts } from "./alerts/open-alerts.js";
import { eventSignals } from "./alerts/sources/event-signals.js";
import { queueSignals } from "./alerts/sources/queue-signals.js";
import { lastEnds, runSignals } from "./alerts/sources/run-signals.js";
import { taskSignals } from "./alerts/sources/task-signals.js";
import { exhaustTimeBy } from "./budgets/exhaust-time.js";
import { openBudgetCounters, openBudgets } from "./budgets/open-budgets.js";
import { define, type MonitorConfig } from "./config.js";
import { openFleet } from "./fleet/open-fleet.js";
import { createForecasts } from "./forecast/forecasts.js";
import { forecastHandlers } from "./forecast/handlers.js";
import { createUsageHistories } from "./forecast/usage-history.js";
import { createMonitorMetrics } from "./metrics.js";
import { openSessions } from "./session/open-sessions.js";
import type { SignalSource } from "./signals/signal.js";
import { openSlo } from "./slo/open-slo.js";
import { lead } from "./state/leader.js";
import { fillFromQueue } from "./usage/events/fill-from-queue.js";
import { watchGaps } from "./usage/events/gap-watch.js";
import { runOfEvent } from "./usage/events/run-of-event.js";
import { usageHandlers } from "./usage/handlers.js";
import { countedByPredecessor } from "./usage/redis/legacy-sums.js";
import { createRedisGapStore } from "./usage/redis/redis-gap-store.js";
import { createRedisUsageStore, RUNS_IN_FLIGHT } from "./usage/redis/redis-usage-store.js";
import { withUsageMetrics } from "./usage/usage-metrics.js";
import { openWindows } from "./windows/open-windows.js";

const GROUP = "monitor";
/** Writers trim the oldest of 100,000 events, so a look this often sees a group fall behind before it passes the loss. */
const GAP_LOOK_MS = 1_000;

/** The monitor: it counts usage and reports it. */
export const monitorService: ServiceDefinition<MonitorConfig> = {
  name: "monitor",
  summary: "MonitorService: counts usage from the events of the other services",
  define,

  async start(config, { open, log, stopping, registry, heartbeat, openClient, connect, serveOps, serveGrpc }) {
    const { service, partitions, usageLabels } = config;
    const metrics = createMonitorMetrics(registry);

    const redis = await open("redis", openRedis(config.redis, { log, name: "monitor", stopping }));
    const queue = await openClient(QueueServiceService, config.queueTarget);
    const notification = await openClient(NotificationServiceService, config.notificationTarget);
    await serveOps({ redis: () => redis.ping() });

    const countersOf = openBudgetCounters(redis.client, log);
    const store = withUsageMetrics(
      createRedisUsageStore(redis.client, { partitions, maxRows: config.usageRows, countersOf }),
      registry,
    );
    const gaps = createRedisGapStore(redis.client, GROUP);
    const fill = fillFromQueue({ queue, record: (run) => store.record(run), allowedLabels: usageLabels });
    await open("gaps", watchGaps({ gaps, partitions, fill, log }, GAP_LOOK_MS));

    const histories = createUsageHistories(store);
    const forecasts = createForecasts(histories);
    const windows = openWindows(redis.client, { histories, forecasts, log });
    const sessions = openSessions({
      redis: redis.client,
      queue,
      notification,
      connect: (address) => connect(ExecutorServiceService, address),
      waits: config.sessionWaits,
      count: (answer) => metrics.probes.inc({ answer }),
      log,
    });

    const startedMs = Date.now();
    const countRun = async (event: Event): Promise<void> => {
      const run = runOfEvent(event, usageLabels);
      if (run === undefined) return;
      // What 0.2.0 counted before the upgrade may be delivered once more.
      const before = run.endTime.getTime() < startedMs && (await countedByPredecessor(redis.client, event.id, run));
      const outcome = before ? "repeat" : await withEventSpan("usage record", event, () => store.record(run));
      metrics.runs.inc({ outcome });
    };
    // Usage comes first: what cannot be read of a window must not keep a run from being counted.
    const handle = async (event: Event): Promise<void> => {
      await countRun(event);
      await windows.handle(event);
      await sessions.see(event);
    };
    const count = metrics.countDelivery;
    const consumer = service.instance;
    await open(
      "events",
      consumeEvents({ redis, group: GROUP, consumer, partitions, handle, inFlight: RUNS_IN_FLIGHT, count, log }),
    );

    const gapsIn = async (start: number, end: number) => {
      const found = await Promise.all(Array.from({ length: partitions }, (_, partition) => gaps.list(partition)));
      return found.flat().filter((gap) => gap.start < end && gap.end >= start);
    };
    const budgets = openBudgets({
      redis: redis.client,
      log,
      usage: store,
      queue,
      allowedLabels: usageLabels,
      exhaustTimeOf: exhaustTimeBy(forecasts),
    });
    const slo = openSlo(redis.client, config.objectives);
    const fleet = openFleet({
      redis: redis.client,
      queue,
      own: { heartbeat, everyMs: service.heartbeat.everyMs },
      patience: config.patience,
      count: slo.count,
      log,
    });
    // The signals that rules of alerts can use: each slice that knows some adds its source here.
    const sources: readonly SignalSource[] = [
      runSignals(store),
      queueSignals({ queue, lastEnds: (now, withinMs) => lastEnds(store, now, withinMs) }),
      taskSignals(queue),
      eventSignals(redis.client, partitions),
      windows.signals,
      fleet.signals,
      slo.signals,
      sessions.signals,
      budgets.signals,
    ];
    const { alerts, duty } = openAlerts({
      redis: redis.client,
      publisher: createPublisher(redis, "monitor"),
      sources,
      everyMs: config.alertsEveryMs,
      registry,
      log,
    });

    const pressures = windowPressure({ windows: windows.windows, histories, forecasts });
    const adaptation = openAdaptation({
      redis: redis.client,
      queue,
      sources: [pressures],
      mode: config.adaptation,
      log,
    });

    const { instance } = service;
    const duties = [...windows.duties, ...fleet.duties, duty, sessions.duty, ...budgets.duties, adaptation.duty];
    await open("duties", lead({ redis: redis.client, instance, duties, log }));
    await open("own heartbeats", fleet.start());

    const handlers = {
      ...usageHandlers({ store, gapsIn, allowedLabels: usageLabels }),
      ...forecastHandlers(forecasts),
      ...windows.handlers,
      ...fleet.handlers,
      ...slo.handlers,
      ...alertHandlers(alerts),
      ...sessions.handlers,
      ...budgets.handlers,
      ...adaptation.handlers,
    };
    await serveGrpc([implement(MonitorServiceService, handlers, { untraced: ["heartbeat"] })]);
  },
};
