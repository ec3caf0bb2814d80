import { announce } from "@ccsp/discovery";
import { consumeEvents, withEventSpan } from "@ccsp/events";
import { implement, PLAIN, serveGrpc } from "@ccsp/grpc-kit";
import type { ServiceDefinition } from "@ccsp/lifecycle";
import { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { openRedis } from "@ccsp/redis-kit";
import { createMetrics, serveOps } from "@ccsp/telemetry";
import { define, type MonitorConfig } from "./config.js";
import { runOfEvent } from "./events/run-of-event.js";
import { monitorHandlers } from "./grpc/handlers.js";
import { createMonitorMetrics } from "./metrics.js";
import { createRedisUsageStore } from "./redis/redis-usage-store.js";

/** The monitor: it reports the usage of each agent. */
export const monitorService: ServiceDefinition<MonitorConfig> = {
  name: "monitor",
  summary: "MonitorService: counts usage per agent and model from the events of the other services",
  define,

  async start({ service, redisUrl, partitions }, { open, log, stopping }) {
    const { consulUrl, advertiseHost, drainMs, lameDuckMs, instance } = service;
    const registry = createMetrics("monitor");
    const metrics = createMonitorMetrics(registry);

    const redis = await open("redis", openRedis(redisUrl, { log, name: "monitor" }));
    const checks = { redis: () => redis.ping() };
    const ops = await open("ops", serveOps({ listen: service.opsListen, registry, log, checks }));
    stopping.addEventListener("abort", () => ops.setDraining(), { once: true });

    const store = createRedisUsageStore(redis.client);
    const handle = async (event: Parameters<typeof runOfEvent>[0]): Promise<void> => {
      const run = runOfEvent(event);
      if (run === undefined) return;
      const outcome = await withEventSpan("usage record", event, () => store.record(run));
      metrics.runs.inc({ outcome });
    };
    const count = metrics.countDelivery;
    await open(
      "events",
      consumeEvents({ redis, group: "monitor", consumer: instance, partitions, handle, count, log }),
    );

    const services = [implement(MonitorServiceService, monitorHandlers(store))];
    const server = await open(
      "grpc",
      serveGrpc({ listen: service.listen, credentials: PLAIN.server, services, log, registry, drainMs, lameDuckMs }),
    );
    const id = `monitor-${instance}`;
    await open("consul", announce({ consulUrl, name: "monitor", id, host: advertiseHost, port: server.port, log }));
    ops.setReady();
  },
};
