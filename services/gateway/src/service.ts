import { readFile } from "node:fs/promises";
import { implement } from "@ccsp/grpc-kit";
import type { ServiceDefinition } from "@ccsp/lifecycle";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { Counter } from "prom-client";
import { createAuthenticator } from "./auth/authenticator.js";
import { loadTokenKeys } from "./auth/token-keys.js";
import { define, type GatewayConfig } from "./config.js";
import { createAudit } from "./grpc/audit.js";
import { createGuard } from "./grpc/guard.js";
import { agentHandlers } from "./grpc/handlers.js";

/** The gateway: identity, admission and the public API. */
export const gatewayService: ServiceDefinition<GatewayConfig> = {
  name: "gateway",
  summary: "AgentService: authenticates agents and passes their calls to the queue",
  define,

  async start(config, { log, registry, openClient, serveOps, serveGrpc }) {
    const { queueTarget, keys, audience, issuer, watchGiveUpMs, callerUnreadBytes, limits } = config;
    const tokenKeys = await loadTokenKeys(keys, (err) => log.warn({ err }, "the key set cannot be fetched anew"));
    const authenticator = createAuthenticator({ keys: tokenKeys, audience, issuer });
    const denied = new Counter({
      name: "ccsp_gateway_denied_total",
      help: "Calls that were not let in, by reason",
      labelNames: ["reason"],
      registers: [registry],
    });

    const queue = await openClient(QueueServiceService, queueTarget);
    // Checks only whether a replica can be reached. A call would cost the queue the same for each probe of each gateway.
    await serveOps({ queue: () => queue.reachable() });

    const guard = createGuard({
      authenticator,
      audit: createAudit(log),
      onDenied: (reason) => denied.inc({ reason }),
    });
    const resume = { giveUpMs: watchGiveUpMs };
    const handlers = agentHandlers({ queue, guard, resume, version: await packageVersion() });
    await serveGrpc([implement(AgentServiceService, handlers)], {
      callerUnreadBytes,
      admit: guard.admit,
      strangers: limits,
    });
  },
};

async function packageVersion(): Promise<string> {
  const file = new URL("../package.json", import.meta.url);
  const { version }: { version: string } = JSON.parse(await readFile(file, "utf8"));
  return version;
}
