import { readFile } from "node:fs/promises";
import { loadAuthenticator } from "@ccsp/authentication";
import { announce, registerSchemes } from "@ccsp/discovery";
import { admitBy, CallerBounds, createClient, implement, PLAIN, serveGrpc } from "@ccsp/grpc-kit";
import type { ServiceDefinition } from "@ccsp/lifecycle";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { createMetrics, serveOps } from "@ccsp/telemetry";
import { Counter } from "prom-client";
import { ACCESS } from "./application/access.js";
import { createAudit } from "./application/audit.js";
import { createGuard } from "./application/guard.js";
import { createOperations } from "./application/operations.js";
import { define, type GatewayConfig } from "./config.js";
import { agentHandlers } from "./grpc/handlers.js";

/** The gateway: identity, admission and the public API. */
export const gatewayService: ServiceDefinition<GatewayConfig> = {
  name: "gateway",
  summary: "AgentService: authenticates agents and passes their calls to the queue",
  define,

  async start({ service, queueTarget, authentication, watchGiveUpMs, ...config }, { open, log, stopping }) {
    const { consulUrl, advertiseHost, drainMs, lameDuckMs } = service;
    const credentials = PLAIN;
    const authenticator = await loadAuthenticator(authentication, (err) =>
      log.warn({ err }, "the key set cannot be refreshed"),
    );
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
    const operations = createOperations({ queue, guard, resume, version: await packageVersion() });
    const server = await open(
      "grpc",
      serveGrpc({
        listen: service.listen,
        credentials: credentials.server,
        services: [implement(AgentServiceService, agentHandlers(operations))],
        log,
        registry,
        drainMs,
        lameDuckMs,
        callers: new CallerBounds(config.callers),
        connections: config.connections,
        admit: admitBy(AgentServiceService, ACCESS, (caller, _row, rpc) => guard.admit(rpc, caller), log),
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
