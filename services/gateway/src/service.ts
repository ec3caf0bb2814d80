import { readFile } from "node:fs/promises";
import { announce, registerSchemes } from "@ccsp/discovery";
import { createClient, implement, PLAIN, serveGrpc } from "@ccsp/grpc-kit";
import type { ServiceDefinition } from "@ccsp/lifecycle";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { createMetrics, serveOps } from "@ccsp/telemetry";
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

  async start({ service, queueTarget, keys, audience, issuer, watchGiveUpMs, ...config }, { open, log, stopping }) {
    const { callerUnreadBytes, limits } = config;
    const { consulUrl, advertiseHost, drainMs, lameDuckMs } = service;
    const credentials = PLAIN;
    const tokenKeys = await loadTokenKeys(keys, (err) => log.warn({ err }, "the key set cannot be refreshed"));
    const authenticator = createAuthenticator({ keys: tokenKeys, audience, issuer });
    const registry = createMetrics("gateway");
    const denied = new Counter({
      name: "ccsp_gateway_denied_total",
      help: "Calls that authentication or authorisation refused, by reason",
      labelNames: ["reason"],
      registers: [registry],
    });

    await open("discovery", registerSchemes({ consulUrl, log }));
    const queue = createClient(QueueServiceService, queueTarget, { credentials: credentials.channel });
    await open("queue client", { close: async () => queue.close() });
    const ops = await open(
      "ops",
      serveOps({
        listen: service.opsListen,
        registry,
        log,
        // Checks only whether a replica can be reached. A call would cost the queue the same for each probe of each
        // gateway.
        checks: { queue: () => queue.reachable() },
      }),
    );
    stopping.addEventListener("abort", () => ops.setDraining(), { once: true });

    const guard = createGuard({
      authenticator,
      audit: createAudit(log),
      onDenied: (reason) => denied.inc({ reason }),
    });
    const resume = { giveUpMs: watchGiveUpMs };
    const handlers = agentHandlers({ queue, guard, resume, version: await packageVersion() });
    const server = await open(
      "grpc",
      serveGrpc({
        listen: service.listen,
        credentials: credentials.server,
        services: [implement(AgentServiceService, handlers)],
        log,
        registry,
        drainMs,
        lameDuckMs,
        callerUnreadBytes,
        admit: guard.admit,
        strangers: limits,
      }),
    );
    const id = `gateway-${service.instance}`;
    await open("consul", announce({ consulUrl, name: "gateway", id, host: advertiseHost, port: server.port, log }));
    ops.setReady();
  },
};

async function packageVersion(): Promise<string> {
  const file = new URL("../package.json", import.meta.url);
  const { version }: { version: string } = JSON.parse(await readFile(file, "utf8"));
  return version;
}
