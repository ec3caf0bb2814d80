import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { declareGauge } from "@ccsp/metrics";
import { within } from "@ccsp/timing";
import type { Logger } from "pino";
import { type OpenMetricsContentType, Registry } from "prom-client";
import type { Check } from "./readiness.js";
import { runChecks } from "./readiness.js";

export type { Check };

export interface OpsOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly registry: Registry;
  readonly log: Logger;
  /**
   * The dependencies of the service, by name. Each check may take 2 s and runs at every request for its result. No
   * check affects /ready: if a dependency is down for one replica, it is down for all, and it would not help to take
   * all replicas out of service.
   */
  readonly checks: Readonly<Record<string, Check>>;
}

/** The states of a service as /ready reports them. */
export type OpsState = "starting" | "ready" | "draining";

export interface OpsServer {
  readonly port: number;
  /** Runs the checks. Resolves to what `/health?verbose` answers. */
  status(): Promise<{ readonly state: OpsState; readonly failing: Readonly<Record<string, string>> }>;
  /** Call it when the start is complete. From now on /ready is 200. */
  setReady(): void;
  /** From now on /ready is 503, so that no new work is sent here. */
  setDraining(): void;
  /** Gives open answers one second, then ends every connection. */
  close(): Promise<void>;
}

/**
 * Node does not treat a connection without any request, for example from a TCP probe, as idle. Such a connection would
 * block the stop without a limit.
 */
const LAST_ANSWERS_MS = 1_000;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/**
 * Longest time that /ready waits for the end of the start. A service registers in Consul just before it is ready, and a
 * check at that moment must not take it out of service for a second. Consul waits 2 s for the answer. Kubernetes waits
 * 1 s by default, and a late answer means to it what a 503 means.
 */
const START_MS = 1_000;

/**
 * Serves three paths, only for GET and HEAD.
 *
 * - /metrics: Prometheus metrics, with `ccsp_dependency_up` for each check. If the request accepts OpenMetrics, it gets
 *   this format, in which histograms name the traces of some values.
 * - /ready: 200, or 503 while the service starts or drains. It runs no check. While the service starts, the answer
 *   comes after 1 s, or when the start ends.
 * - /health: 200 while the event loop runs. With `?verbose`, the answer also has the state, and the fault of each
 *   dependency whose check fails. The status is then still 200, because a restart does not repair a dependency.
 *
 * Rejects if it cannot listen on the address.
 */
export async function serveOps({ listen, registry, log, checks }: OpsOptions): Promise<OpsServer> {
  let state: OpsState = "starting";
  const started = Promise.withResolvers<void>();
  showDependencies(registry, checks);

  const status = async () => {
    const failing = await runChecks(checks);
    return { state, failing };
  };

  const answer = async ({ pathname, searchParams }: URL, accept: string): Promise<Answer> => {
    switch (pathname) {
      case "/metrics": {
        const shown = takesOpenMetrics(accept) ? inOpenMetrics(registry) : registry;
        return { status: 200, type: shown.contentType, body: await shown.metrics() };
      }
      case "/health":
        if (!searchParams.has("verbose")) return json(200, { status: "alive" });
        return json(200, { status: "alive", ...(await status()) });
      case "/ready":
        await within(START_MS, started.promise, () => undefined);
        return json(state === "ready" ? 200 : 503, { status: state });
      default:
        return json(404, { status: "unknown path", paths: ["/metrics", "/health", "/ready"] });
    }
  };

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const wrongMethod = request.method !== "GET" && request.method !== "HEAD";
    const url = URL.parse(request.url ?? "/", "http://ops") ?? new URL("http://ops/");
    const { status, type, body } = wrongMethod
      ? json(405, { status: "only GET" })
      : await answer(url, request.headers.accept ?? "");
    response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
  };

  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => {
      log.error({ err: error, path: request.url }, "ops request failed");
      response.destroy();
    });
  });
  const port = await listenOn(server, listen);
  log.info({ host: listen.host, port }, "ops port open");

  return {
    port,
    status,
    setReady() {
      if (state === "starting") state = "ready";
      started.resolve();
    },
    setDraining() {
      state = "draining";
      started.resolve();
    },
    close: () => closeServer(server),
  };
}

/** Answers the port that the server has. For port 0, the system chooses one. */
async function listenOn(server: Server, { host, port }: OpsOptions["listen"]): Promise<number> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const at = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    throw new Error(`the ops port cannot listen on ${at}: ${why}`, { cause: error });
  }
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => {
    const patience = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
    server.close((error) => {
      clearTimeout(patience);
      if (error === undefined) resolve();
      else reject(error);
    });
  });

const UP = declareGauge({
  name: "ccsp_dependency_up",
  help: "Whether a dependency of the service answered when the metrics were read",
  labels: { dependency: ["redis", "queue"] },
});

/** The weights do not matter: only programs that can use OpenMetrics name it. */
const takesOpenMetrics = (accept: string): boolean => accept.toLowerCase().includes("application/openmetrics-text");

/**
 * The same registry, as it is written in OpenMetrics. It is one for each scrape: prom-client takes `_total` from the
 * names of the counters that it writes in this format, and would leave the registry itself without it.
 */
function inOpenMetrics(registry: Registry): Registry<OpenMetricsContentType> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an object whose prototype is the registry
  const shown = Object.create(registry) as Registry<OpenMetricsContentType>;
  shown.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  shown.getMetricsAsArray = () => registry.getMetricsAsArray().map((metric) => Object.create(metric));
  return shown;
}

/** Runs the checks at each scrape, because no other caller asks as often. */
function showDependencies(registry: Registry, checks: OpsOptions["checks"]): void {
  const names = Object.keys(checks);
  if (names.length === 0) return;
  const up = UP(registry, async () => {
    const failing = await runChecks(checks);
    for (const dependency of names) up.set({ dependency }, dependency in failing ? 0 : 1);
  });
}

function json(status: number, body: object): Answer {
  return { status, type: "application/json", body: `${JSON.stringify(body)}\n` };
}
