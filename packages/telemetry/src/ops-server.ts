import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Check } from "./readiness.js";
import { runChecks } from "./readiness.js";

export type { Check };

export interface OpsOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly registry: Registry;
  readonly log: Logger;
  /** What the service cannot work without, by name. Each gets 2 s. */
  readonly checks: Readonly<Record<string, Check>>;
}

export interface OpsServer {
  readonly port: number;
  /** From now on /ready is 503, so that nobody sends new work here. */
  setDraining(): void;
  /** Answers under way have a second; then every connection ends. */
  close(): Promise<void>;
}

/** A connection that has not asked anything yet, such as a TCP probe's, is not idle to Node and would hold the stop for ever. */
const LAST_ANSWERS_MS = 1_000;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/**
 * Serves GET /metrics (Prometheus), /health (200 as long as the event loop turns) and /ready (200 when every check passes and the
 * service is not draining, else 503 with JSON that names the failing checks). Rejects when the address cannot be listened on.
 */
export async function serveOps({ listen, registry, log, checks }: OpsOptions): Promise<OpsServer> {
  let draining = false;

  const answer = async (path: string): Promise<Answer> => {
    switch (path) {
      case "/metrics":
        return { status: 200, type: registry.contentType, body: await registry.metrics() };
      case "/health":
        return json(200, { status: "alive" });
      case "/ready": {
        if (draining) return json(503, { status: "draining" });
        const failing = await runChecks(checks);
        if (Object.keys(failing).length === 0) return json(200, { status: "ready" });
        return json(503, { status: "failing", failing });
      }
      default:
        return json(404, { status: "unknown path", paths: ["/metrics", "/health", "/ready"] });
    }
  };

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const wrongMethod = request.method !== "GET" && request.method !== "HEAD";
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    const { status, type, body } = wrongMethod ? json(405, { status: "only GET" }) : await answer(path);
    response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
  };

  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => {
      log.error({ err: error, path: request.url }, "ops request failed");
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(listen.port, listen.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : listen.port;
  log.info({ host: listen.host, port }, "ops port open");

  return {
    port,
    setDraining() {
      draining = true;
    },
    close: () =>
      new Promise((resolve, reject) => {
        const patience = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
        server.close((error) => {
          clearTimeout(patience);
          if (error === undefined) resolve();
          else reject(error);
        });
      }),
  };
}

function json(status: number, body: object): Answer {
  return { status, type: "application/json", body: `${JSON.stringify(body)}\n` };
}
