import { type GrpcServer, implement, serveGrpc } from "@ccsp/grpc-kit";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { pino } from "pino";

/** Serves the AgentService with a handler for each RPC, by its name in `AgentServiceService`. */
export const serveAgent = (handlers: Readonly<Record<string, unknown>>): Promise<GrpcServer> =>
  serveGrpc({
    listen: { host: "127.0.0.1", port: 0 },
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one for each name of the service
    services: [implement(AgentServiceService, handlers as never)],
    log: pino({ level: "silent" }),
    lameDuckMs: 0,
    drainMs: 1_000,
  });
