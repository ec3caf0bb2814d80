import { consumeEvents } from "@ccsp/events";
import { implement } from "@ccsp/grpc-kit";
import { type ServiceDefinition, startList } from "@ccsp/lifecycle";
import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { openRedis } from "@ccsp/redis-kit";
import { openAdaptation } from "./adaptation/open.js";
import { windowPressure } from "./adaptation/window-pressure.js";
import { openAlerts } from "./alerts/open.js";
import { exhaustTimeBy } from "./budgets/exhaust-time.js";
import { openBudgetCounters, openBudgets } from "./budgets/open.js";
import { define, type MonitorConfig } from "./config.js";
import { openFleet } from "./fleet/open.js";
import { openForecasts } from "./forecast/open.js";
import { createMonitorMetrics } from "./metrics.js";
import { openSessions } from "./session/open.js";
import { openSlo } from "./slo/open.js";
import { lead } from "./state/leader.js";
import { openUsage } from "./usage/open.js";
import { RUNS_IN_FLIGHT } from "./usage/redis/redis-usage-store.js";
import { openWindows } from "./windows/open.js";

const GROUP = "monitor";
/** Heartbeats are frequent, and they belong to no task. */
const UNTRACED = { untraced: ["heartbeat"] } as const;

const START = startList<MonitorConfig>()
  .add("metrics", ({ registry }) => createMonitorMetrics(registry))
  .open("redis", ({ config, log, stopping }) => openRedis(config.redis, { log, name: "monitor", stopping }))
  .add("queue", ({ config, openClient }) => openClient(QueueServiceService, config.queueTarget))
  .add("notification", ({ config, openClient }) => openClient(NotificationServiceService, config.notificationTarget))
  .add("ops", ({ redis, serveOps }) => serveOps({ redis: () => redis.ping() }))
  .add("usage", ({ redis: { client: redis }, queue, registry, log, config }) => {
    const { partitions, usageRows: maxRows, usageLabels: allowedLabels, ledgerDays, timeZone } = config;
    const countersOf = openBudgetCounters(redis, log);
    const bounds = { partitions, maxRows, allowedLabels, ledgerDays, timeZone };
    return openUsage({ redis, queue, group: GROUP, ...bounds, countersOf, registry, log });
  })
  .open("gaps", ({ usage }) => usage.watchGaps())
  .add("forecast", ({ usage }) => openForecasts(usage.store))
  .add("windows", ({ redis, forecast, log }) => openWindows(redis.client, { ...forecast, log }))
  .add("sessions", ({ redis: { client: redis }, queue, notification, connect, config, metrics, log }) => {
    const toExecutor = (address: string) => connect(ExecutorServiceService, address);
    const [waits, count] = [config.sessionWaits, metrics.countProbe];
    return openSessions({ redis, queue, notification, connect: toExecutor, waits, count, log });
  })
  .open("events", ({ redis, config, usage, windows, sessions, metrics, log }) => {
    const countRun = usage.counting();
    // Usage comes first: what cannot be read of a window must not keep a run from being counted.
    const handle = async (event: Event): Promise<void> => {
      metrics.countRun(await countRun(event));
      await windows.handle(event);
      await sessions.see(event);
    };
    const reader = { group: GROUP, consumer: config.service.instance, partitions: config.partitions };
    return consumeEvents({ redis, ...reader, handle, inFlight: RUNS_IN_FLIGHT, count: metrics.countDelivery, log });
  })
  .add("budgets", ({ redis: { client: redis }, queue, usage, forecast, config, log }) => {
    const exhaustTimeOf = exhaustTimeBy(forecast.forecasts);
    return openBudgets({ redis, log, usage: usage.store, queue, allowedLabels: config.usageLabels, exhaustTimeOf });
  })
  .add("slo", ({ redis, config }) => openSlo(redis.client, config.objectives))
  .add("fleet", ({ redis, queue, heartbeat, slo, config, log }) => {
    const own = { heartbeat, everyMs: config.service.heartbeat.everyMs };
    return openFleet({ redis, queue, own, patience: config.patience, count: slo.count, log });
  })
  .add("alerts", ({ redis, queue, usage, windows, fleet, slo, sessions, budgets, config, registry, log }) => {
    const slices = [windows, fleet, slo, sessions, budgets].map(({ signals }) => signals);
    const { partitions, alertsEveryMs: everyMs } = config;
    return openAlerts({ redis, queue, usage: usage.store, slices, partitions, everyMs, registry, log });
  })
  .add("adaptation", ({ redis: { client: redis }, queue, windows: { windows }, forecast, config, log }) => {
    const sources = [windowPressure({ windows, ...forecast })];
    return openAdaptation({ redis, queue, sources, mode: config.adaptation, log });
  })
  .open("duties", ({ redis, config, windows, fleet, alerts, sessions, budgets, adaptation, log }) => {
    const duties = [windows, fleet, alerts, sessions, budgets, adaptation].flatMap((slice) => slice.duties);
    return lead({ redis: redis.client, instance: config.service.instance, duties, log });
  })
  .open("own heartbeats", ({ fleet }) => fleet.start())
  .add("grpc", ({ serveGrpc, usage, forecast, windows, fleet, slo, alerts, sessions, budgets, adaptation }) => {
    const handlers = {
      ...{ ...usage.handlers, ...forecast.handlers, ...windows.handlers, ...fleet.handlers, ...slo.handlers },
      ...{ ...alerts.handlers, ...sessions.handlers, ...budgets.handlers, ...adaptation.handlers },
    };
    return serveGrpc([implement(MonitorServiceService, handlers, UNTRACED)]);
  });

/** The monitor: it counts usage and reports it. */
export const monitorService: ServiceDefinition<MonitorConfig> = {
  name: "monitor",
  summary: "MonitorService: counts usage from the events of the other services",
  define,
  start: START.start,
};
