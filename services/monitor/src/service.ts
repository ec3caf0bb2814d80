import { consumeEvents, withEventSpan } from "@ccsp/events";
import { implement } from "@ccsp/grpc-kit";
import type { ServiceDefinition } from "@ccsp/lifecycle";
import { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { openRedis } from "@ccsp/redis-kit";
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

  async start({ service, redis: redisSettings, partitions }, { open, log, registry, serveOps, serveGrpc }) {
    const metrics = createMonitorMetrics(registry);

    const redis = await open("redis", openRedis(redisSettings, { log, name: "monitor" }));
    await serveOps({ redis: () => redis.ping() });

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
      consumeEvents({ redis, group: "monitor", consumer: service.instance, partitions, handle, count, log }),
    );

    await serveGrpc([implement(MonitorServiceService, monitorHandlers(store))]);
  },
};
