import { readFile } from "node:fs/promises";
import { loadAuthenticator } from "@ccsp/authentication";
import { admitBy, CallerBounds, implement } from "@ccsp/grpc-kit";
import type { ServiceDefinition } from "@ccsp/lifecycle";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { openRedis } from "@ccsp/redis-kit";
import { Counter } from "prom-client";
import { createAgentOperations } from "./application/agent-operations.js";
import { createAudit } from "./application/audit.js";
import { createGuard } from "./application/guard.js";
import { define, type GatewayConfig } from "./config.js";
import { agentHandlers } from "./grpc/agent-handlers.js";

/** The gateway: identity, admission and the public API. */
export const gatewayService: ServiceDefinition<GatewayConfig> = {
  name: "gateway",
  summary: "AgentService: authenticates agents and passes their calls to the queue",
  define,

  async start(config, { open, log, registry, openClient, serveOps, serveGrpc }) {
    const { queueTarget, authentication, watchGiveUpMs, callers, connections } = config;
    const authenticator = await loadAuthenticator(authentication, (err) =>
      log.warn({ err }, "the key set cannot be refreshed"),
    );
    const denied = new Counter({
      name: "ccsp_gateway_denied_total",
      help: "Calls that authentication or authorisation refused, by reason",
      labelNames: ["reason"],
      registers: [registry],
    });

    const redis = await open("redis", openRedis(config.redisUrl, { log, name: "gateway" }));
    const queue = await openClient(QueueServiceService, queueTarget);
    // Checks only whether a replica can be reached. A call would cost the queue the same for each probe of each
    // gateway.
    await serveOps({ redis: () => redis.ping(), queue: () => queue.reachable() });

    const guard = createGuard({
      authenticator,
      audit: createAudit(log),
      onDenied: (reason) => denied.inc({ reason }),
    });
    const resume = { giveUpMs: watchGiveUpMs };
    const operations = createAgentOperations({ queue, guard, resume, version: await packageVersion() });
    await serveGrpc([implement(AgentServiceService, agentHandlers(operations))], {
      callers: new CallerBounds(callers),
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
