import { readFile } from "node:fs/promises";
import { loadAuthenticator } from "@ccsp/authentication";
import { REASONS } from "@ccsp/errors";
import { admitBy, CallerBounds, implement, observeCalls, readCalls } from "@ccsp/grpc-kit";
import { type ServiceDefinition, startList } from "@ccsp/lifecycle";
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
import { type HttpOptions, type HttpServer, openHttp } from "./http/server.js";
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

const START = startList<GatewayConfig>()
  .add("tokens", ({ config, log }) =>
    loadAuthenticator(config.authentication, (err) => log.warn({ err }, "the key set cannot be refreshed")),
  )
  .add("denied", ({ registry }) => DENIED(registry))
  .open("redis", ({ config, log, stopping }) => openRedis(config.redis, { log, name: "gateway", stopping }))
  .open("keys", ({ redis, tokens, log }) => openKeys(redis, { tokens, log }))
  .add("queue", ({ config, openClient }) => openClient(QueueServiceService, config.targets.queue))
  .add("monitor", ({ config, openClient }) => openClient(MonitorServiceService, config.targets.monitor))
  .add("notification", ({ config, openClient }) => openClient(NotificationServiceService, config.targets.notification))
  // Checks only whether a replica can be reached. A call would cost the queue the same for each probe of each gateway.
  .add("ops", ({ redis, queue, serveOps }) => serveOps({ redis: () => redis.ping(), queue: () => queue.reachable() }))
  .open("limits", ({ redis, config, log }) => openLimits(redis.client, config.limits, log))
  .add("guard", ({ keys: { authenticator, streams }, limits, denied, log }) =>
    createGuard({
      authenticator: limits.withLockout(authenticator),
      limit: (identity) => limits.calls.identified(identity),
      audit: createAudit(log),
      streams,
      onDenied: (reason) => denied.inc({ reason }),
    }),
  )
  .open("executors", ({ connect }) => {
    const connectTo = (address: string) => connect(ExecutorServiceService, address);
    return new ExecutorPool({ connect: connectTo, idleMs: EXECUTOR_IDLE_MS });
  })
  .add("operations", async ({ config, queue, guard, executors: pool, monitor, notification, keys: { keys } }) => {
    const executors = new Executors({ queue, pool });
    const readSpans = config.tracesUrl === undefined ? undefined : spanReader(config.tracesUrl);
    const tasks = { queue, guard, resume: { giveUpMs: config.watchGiveUpMs }, readSpans };
    const agents = createAgentOperations({ ...tasks, monitor, version: await packageVersion() });
    const operators = createOperatorOperations({ ...tasks, executors, monitor, notification, keys });
    return { executors, agents, operators };
  })
  .add("callers", ({ config, limits }) => new CallerBounds({ ...config.callers, meter: limits.calls }))
  .open("live", ({ config, redis, queue, operations, monitor, guard, keys: { streams }, callers, registry, log }) => {
    const { partitions, webSocketsPerCaller: connectionsPerCaller } = config;
    const bounds = { callers, connectionsPerCaller };
    return createLive({ redis, partitions, queue, monitor, ...operations, guard, streams, registry, log, ...bounds });
  })
  // Counted as gRPC counts its calls, and apart from them: the metrics of HTTP are others.
  .add("httpCalls", () => new Registry())
  .open("http", async ({ config, redis, notification, live, operations, callers, limits, httpCalls, ...context }) => {
    const { guard, registry, portTls: tls, stopping, log } = context;
    const { agents, operators } = operations;
    const { drainMs, lameDuckMs } = config.service;
    const slices = await httpSlices({ config, redis, notification, live, log });
    return openHttpUntil(stopping, {
      ...{ settings: config.http, slices, webSocketPath: WEB_SOCKET_PATH, agents, operators, guard, log, registry },
      ...{ connections: config.connections, callers, bodyMs: config.callers.limits.bodyMs, tls, drainMs, lameDuckMs },
      requestsLeft: (identity) => limits.calls.requestsLeft(identity),
      observe: observeCalls(httpCalls),
    });
  })
  .add("heartbeats", ({ heartbeat, http, live, httpCalls }) =>
    heartbeat.add(async () => {
      return { openStreams: http.openStreams + live.openConnections, calls: await readCalls(httpCalls) };
    }),
  )
  .add("grpc", ({ config: { connections }, operations: { agents, operators }, callers, guard, log, serveGrpc }) => {
    const services = [
      implement(AgentServiceService, served(agents)),
      implement(OperatorServiceService, served(operators)),
    ];
    const admit = admitBy((caller, access, path) => guard.admit(path, access, caller), log);
    return serveGrpc(services, { callers, connections, admit });
  });

/** The gateway: identity, admission and the public API. */
export const gatewayService: ServiceDefinition<GatewayConfig> = {
  name: "gateway",
  summary: "AgentService and OperatorService: proves who calls, and passes the calls to the services",
  define,
  start: START.start,
};

/**
 * Both servers stop at the same time, so that the gateway stops within one drain time. A failure is reported when the
 * resource `http` is closed.
 */
async function openHttpUntil(stopping: AbortSignal, options: HttpOptions): Promise<HttpServer> {
  const http = await openHttp(options);
  stopping.addEventListener("abort", () => void http.close().catch(() => undefined), { once: true });
  return http;
}

async function packageVersion(): Promise<string> {
  const file = new URL("../package.json", import.meta.url);
  const { version }: { version: string } = JSON.parse(await readFile(file, "utf8"));
  return version;
}
