import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { within } from "@ccsp/timing";
import type { Logger } from "pino";
import { Gauge, type Registry } from "prom-client";
import type { Check } from "./readiness.js";
import { runChecks } from "./readiness.js";

export type { Check };

export interface OpsOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly registry: Registry;
  readonly log: Logger;
  /**
   * What the service depends on, by name. Each check gets 2 s, whenever somebody looks. None decides about /ready: what is away for one
   * replica is away for all, and taking all of them out of service helps nobody.
   */
  readonly checks: Readonly<Record<string, Check>>;
}

export interface OpsServer {
  readonly port: number;
  /** The start is done: from now on /ready is 200. */
  setReady(): void;
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
 * How long /ready waits for the end of the start. A service registers in Consul just before it is ready, and a check at that
 * moment must not take it out of service for a second. Consul waits 2 s for the answer. Kubernetes waits 1 s by default, and
 * takes a late answer for what it is: not ready.
 */
const START_MS = 1_000;

/** The states of a service, as /ready says them. */
type State = "starting" | "ready" | "draining";

/**
 * Serves three paths; GET only.
 *
 * - /metrics: Prometheus, with `ccsp_dependency_up` for each check.
 * - /ready: 200, or 503 while the service starts or drains. It asks nobody. While the service starts it answers after 1 s,
 *   or when the start ends.
 * - /health: 200 as long as the event loop turns. With `?verbose` also the state, and what is wrong with each dependency that fails its
 *   check; still 200, since a restart mends no dependency.
 *
 * Rejects when the address cannot be listened on.
 */
export async function serveOps({ listen, registry, log, checks }: OpsOptions): Promise<OpsServer> {
  let state: State = "starting";
  const started = Promise.withResolvers<void>();
  showDependencies(registry, checks);

  const answer = async ({ pathname, searchParams }: URL): Promise<Answer> => {
    switch (pathname) {
      case "/metrics":
        return { status: 200, type: registry.contentType, body: await registry.metrics() };
      case "/health":
        if (!searchParams.has("verbose")) return json(200, { status: "alive" });
        return json(200, { status: "alive", state, failing: await runChecks(checks) });
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
    const { status, type, body } = wrongMethod ? json(405, { status: "only GET" }) : await answer(url);
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
    setReady() {
      if (state === "starting") state = "ready";
      started.resolve();
    },
    setDraining() {
      state = "draining";
      started.resolve();
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

/** Asked at each scrape, since nothing else asks as often. */
function showDependencies(registry: Registry, checks: OpsOptions["checks"]): void {
  const names = Object.keys(checks);
  if (names.length === 0) return;
  const up: Gauge = new Gauge({
    name: "ccsp_dependency_up",
    help: "Whether what the service depends on answered when the metrics were read",
    labelNames: ["dependency"],
    async collect() {
      const failing = await runChecks(checks);
      for (const dependency of names) up.set({ dependency }, dependency in failing ? 0 : 1);
    },
    registers: [],
  });
  registry.registerMetric(up);
}

function json(status: number, body: object): Answer {
  return { status, type: "application/json", body: `${JSON.stringify(body)}\n` };
}
