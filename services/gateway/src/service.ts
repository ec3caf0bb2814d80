import { readFile } from "node:fs/promises";
import { loadAuthenticator } from "@ccsp/authentication";
import { REASONS } from "@ccsp/errors";
import { admitBy, CallerBounds, implement, observeCalls, readCalls } from "@ccsp/grpc-kit";
import type { ServiceDefinition } from "@ccsp/lifecycle";
import { declareCounter } from "@ccsp/metrics";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { OperatorServiceService } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { openRedis } from "@ccsp/redis-kit";
import { Registry } from "prom-client";
import { createAgentOperations } from "./agents/operations.js";
import { createAudit } from "./application/audit.js";
import { createGuard } from "./application/guard.js";
import { define, type GatewayConfig } from "./config.js";
import { Executors } from "./executors/executors.js";
import { ExecutorPool } from "./executors/pool.js";
import { served } from "./grpc/served.js";
import { openHttp } from "./http/server.js";
import { httpSlices } from "./http-slices.js";
import { openKeys } from "./keys/open-keys.js";
import { openLimits } from "./limits/open-limits.js";
import { createLive } from "./live/live.js";
import { WEB_SOCKET_PATH } from "./live/register.js";
import { createOperatorOperations } from "./operators/operations.js";
import { spanReader } from "./traces/read-spans.js";

const EXECUTOR_IDLE_MS = 60_000;

const DENIED = declareCounter({
  name: "ccsp_gateway_denied_total",
  help: "Calls that authentication or authorisation refused, by reason",
  labels: { reason: REASONS },
});

/** The gateway: identity, admission and the public API. */
export const gatewayService: ServiceDefinition<GatewayConfig> = {
  name: "gateway",
  summary: "AgentService and OperatorService: proves who calls, and passes the calls to the services",
  define,

  async start(config, context) {
    const { open, log, stopping, registry, portTls, heartbeat, openClient, connect, serveOps, serveGrpc } = context;
    const { targets, authentication, watchGiveUpMs, callers, connections } = config;
    const tokens = await loadAuthenticator(authentication, (err) =>
      log.warn({ err }, "the key set cannot be refreshed"),
    );
    const denied = DENIED(registry);

    const redis = await open("redis", openRedis(config.redis, { log, name: "gateway", stopping }));
    const { authenticator, streams, keys } = await open("keys", openKeys(redis, { tokens, log }));
    const queue = await openClient(QueueServiceService, targets.queue);
    const monitor = await openClient(MonitorServiceService, targets.monitor);
    const notification = await openClient(NotificationServiceService, targets.notification);
    // Checks only whether a replica can be reached. A call would cost the queue the same for each probe of each
    // gateway.
    await serveOps({ redis: () => redis.ping(), queue: () => queue.reachable() });

    const limits = await open("limits", Promise.resolve(openLimits(redis.client, config.limits, log)));
    const guard = createGuard({
      authenticator: limits.withLockout(authenticator),
      limit: (identity) => limits.calls.identified(identity),
      audit: createAudit(log),
      streams,
      onDenied: (reason) => denied.inc({ reason }),
    });
    const resume = { giveUpMs: watchGiveUpMs };
    const connectTo = (address: string) => connect(ExecutorServiceService, address);
    const pool = await open("executors", new ExecutorPool({ connect: connectTo, idleMs: EXECUTOR_IDLE_MS }));
    const executors = new Executors({ queue, pool });
    const readSpans = config.tracesUrl === undefined ? undefined : spanReader(config.tracesUrl);
    const tasks = { queue, guard, resume, readSpans };
    const agents = createAgentOperations({ ...tasks, monitor, version: await packageVersion() });
    const operators = createOperatorOperations({ ...tasks, executors, monitor, notification, keys });
    const services = [
      implement(AgentServiceService, served(agents)),
      implement(OperatorServiceService, served(operators)),
    ];
    const bounds = new CallerBounds({ ...callers, meter: limits.calls });
    const { partitions, webSocketsPerCaller } = config;
    const live = await open(
      "live",
      createLive({
        ...{ redis, partitions, queue, executors, monitor, guard, streams, registry, log },
        meter: limits.calls,
        connectionsPerCaller: webSocketsPerCaller,
      }),
    );
    const { drainMs, lameDuckMs } = config.service;
    // Counted as gRPC counts its calls, and apart from them: the metrics of HTTP are others.
    const httpCalls = new Registry();
    const http = await open(
      "http",
      openHttp({
        settings: config.http,
        slices: await httpSlices({ config, redis, notification, live, log }),
        webSocketPath: WEB_SOCKET_PATH,
        agents,
        operators,
        guard,
        log,
        registry,
        connections,
        callers: bounds,
        requestsLeft: (identity) => limits.calls.requestsLeft(identity),
        observe: observeCalls(httpCalls),
        bodyMs: callers.limits.bodyMs,
        tls: portTls,
        drainMs,
        lameDuckMs,
      }),
    );
    // Both servers stop at the same time, so that the gateway stops within one drain time. A failure is reported when the
    // resource `http` is closed.
    stopping.addEventListener("abort", () => void http.close().catch(() => undefined), { once: true });
    heartbeat.add(async () => ({
      openStreams: http.openStreams + live.openConnections,
      calls: await readCalls(httpCalls),
    }));
    await serveGrpc(services, {
      callers: bounds,
      connections,
      admit: admitBy((caller, access, path) => guard.admit(path, access, caller), log),
    });
  },
};

async function packageVersion(): Promise<string> {
  const file = new URL("../package.json", import.meta.url);
  const { version }: { version: string } = JSON.parse(await readFile(file, "utf8"));
  return version;
}
