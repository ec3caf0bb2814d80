import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { formatHostPort } from "@ccsp/config";
import { Refusal } from "@ccsp/errors";
import {
  boundConnections,
  type CallerBounds,
  type ConnectionBounds,
  callerAddress,
  countRefused,
  refusalFor,
  type TlsFolder,
} from "@ccsp/grpc-kit";
import { within } from "@ccsp/timing";
import compress from "@fastify/compress";
import cookie from "@fastify/cookie";
import cors from "@fastify/cors";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import type { Registry } from "prom-client";
import { peerOf } from "./credentials.js";
import type { HttpDeps } from "./deps.js";
import { HttpCalls, type HttpCallsOptions } from "./http-calls.js";
import { observeRequests } from "./observe.js";
import { HttpFault, problem } from "./problem.js";
import { registerHttp, type Slice } from "./register.js";
import { sessionCookie } from "./session-cookie.js";
import { isHttps } from "./settings.js";

/** The same as the largest message of gRPC. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Time for the last answers to reach clients that still read. */
const FLUSH_MS = 250;
const IDLE_LOOK_MS = 50;
/** Longer than the longest call takes, which sends nothing before its answer. */
const STALLED_MS = 180_000;
/** For a year, browsers reach this host by TLS only. Not its subdomains: they are not the business of this server. */
const TLS_ONLY = "max-age=31536000";
const LOCALHOST = /^(.+\.)?localhost$/i;
const NEVER = new AbortController().signal;

export interface HttpOptions
  extends Omit<HttpDeps, "calls" | "faultOf">,
    Pick<HttpCallsOptions, "requestsLeft" | "observe"> {
  readonly callers: CallerBounds;
  readonly slices: readonly Slice[];
  /** The only path that takes WebSockets. */
  readonly webSocketPath: string;
  /** The time within which a request must arrive. */
  readonly bodyMs: number;
  readonly connections: ConnectionBounds;
  /** A connection on which nothing moves for this long, although it has a call, is closed. Default: 3 minutes. */
  readonly stalledMs?: number;
  /** Undefined: no TLS. */
  readonly tls: TlsFolder | undefined;
  readonly registry?: Registry | undefined;
  readonly drainMs: number;
  readonly lameDuckMs: number;
}

export interface HttpServer {
  readonly port: number;
  readonly openStreams: number;
  /**
   * Stops as the gRPC server does: it serves for `lameDuckMs`, ends streams, lets the other calls finish, and after
   * `drainMs` ends them too. From the beginning, each answer ends its connection. A request that still comes on an old
   * connection is served until `drainMs` is over.
   */
  close(): Promise<void>;
}

/** Serves all of HTTP on one port. Rejects if the address cannot be bound, and the error names it. */
export async function openHttp(options: HttpOptions): Promise<HttpServer> {
  const { settings, log, drainMs, lameDuckMs } = options;
  const calls = new HttpCalls(options);
  const faultOf: HttpDeps["faultOf"] = (error, request) => {
    const method = `${request.method} ${request.routeOptions.url ?? ""}`;
    const signal = calls.callOf(request)?.signal ?? NEVER;
    return fastifyFault(error, request) ?? refusalFor(error, { signal, method }, log);
  };
  const app = createApp(options, calls, faultOf);
  await registerHttp(app, options.slices, { ...options, calls, faultOf });
  try {
    await app.listen(settings.listen);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`HTTP cannot listen on ${formatHostPort(settings.listen)}: ${why}`, { cause: error });
  }
  const address = app.server.address();
  const port = typeof address === "object" && address !== null ? address.port : settings.listen.port;
  log.info({ port, tls: options.tls !== undefined }, "serves HTTP");
  let closing: Promise<void> | undefined;
  return {
    port,
    get openStreams() {
      return calls.openStreams;
    },
    close() {
      closing ??= stop(app, calls, { log, drainMs, lameDuckMs });
      return closing;
    },
  };
}

async function stop(
  app: FastifyInstance,
  calls: HttpCalls,
  { log, drainMs, lameDuckMs }: Pick<HttpOptions, "log" | "drainMs" | "lameDuckMs">,
): Promise<void> {
  calls.leave();
  await sleep(lameDuckMs);
  calls.stopStreams();
  // Node looks only once for idle connections, and those of calls in progress become idle later.
  const idle = setInterval(() => app.server.closeIdleConnections(), IDLE_LOOK_MS);
  const closed = app
    .close()
    .finally(() => clearInterval(idle))
    .then(() => true);
  const closedWithin = (ms: number) => within(ms, closed, () => false);
  if (await closedWithin(drainMs)) return;
  log.warn({ drainMs, calls: calls.stopUnary() }, "HTTP calls that did not finish in time are ended");
  if (!(await closedWithin(FLUSH_MS))) app.server.closeAllConnections();
  await closed;
}

function createApp(options: HttpOptions, calls: HttpCalls, faultOf: HttpDeps["faultOf"]): FastifyInstance {
  const { callers, registry, settings } = options;
  const app = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    // A client with a connection of its own may still ask: see `HttpServer.close`.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 512 },
    // A path that cannot be decoded has no route, and so no hook.
    frameworkErrors: (error, request, reply) => void problem(reply, faultOf(error, request)),
    serverFactory: (handler) => createHttpServer(handler, options),
  });
  observeRequests(app, registry);
  const secure = options.tls !== undefined || isHttps(settings.publicUrl);
  app.addHook("onRequest", async (request, reply) => {
    // A browser would use no plain HTTP for any port of localhost, and people have other pages there.
    if (secure && !LOCALHOST.test(request.hostname)) reply.header("strict-transport-security", TLS_ONLY);
    calls.check();
    callers.meter?.arrived(callerAddress(peerOf(request)));
    // Here and not in a handler, so that no body is read for it.
    if (request.is404)
      throw new HttpFault(404, `${request.method} ${request.url.split("?", 1)[0]} is not a path of this server`);
  });
  app.addHook("onSend", async (_request, reply, payload) => {
    reply.header("x-content-type-options", "nosniff");
    if (calls.leaving) reply.header("connection", "close");
    return payload;
  });
  // Streams of events do not come here: they write to the connection themselves.
  app.register(compress, { encodings: ["br", "gzip"], globalDecompression: false });
  app.register(cookie);
  if (settings.origins.length > 0) app.register(cors, corsOf(settings.origins));
  app.decorate("publicHost", settings.publicUrl && new URL(settings.publicUrl).host);
  app.decorate("sessionCookie", sessionCookie(secure));
  app.setErrorHandler((error, request, reply) => problem(reply, faultOf(error, request)));
  return app;
}

/** Pages of these origins may call with a token. Browsers send them no cookie along, so no session is at risk. */
const corsOf = (origins: readonly string[]) => ({
  origin: [...origins],
  credentials: false,
  methods: ["GET", "HEAD", "POST", "PUT", "DELETE"],
  exposedHeaders: ["etag", "link", "location", "ratelimit", "ratelimit-policy", "retry-after"],
  maxAge: 600,
});

/** The fault of a request that fastify itself refuses, with its texts. */
function fastifyFault(error: unknown, { routeOptions }: FastifyRequest): Refusal | HttpFault | undefined {
  if (error instanceof HttpFault || error instanceof Refusal) return error;
  if (!(error instanceof Error) || !("statusCode" in error)) return undefined;
  const { statusCode, message } = error;
  if (statusCode === 413)
    return new Refusal("MESSAGE_TOO_LARGE", `the body is larger than ${routeOptions.bodyLimit} bytes`);
  if (statusCode === 400) return new Refusal("INVALID_FIELD", message);
  return typeof statusCode === "number" && statusCode < 500 ? new HttpFault(statusCode, message) : undefined;
}

function createHttpServer(handler: RequestListener, options: HttpOptions): Server {
  const { tls, connections, bodyMs, registry, log, webSocketPath, stalledMs = STALLED_MS } = options;
  const refused = countRefused(registry);
  const bounds = boundConnections({
    bounds: connections,
    refused(address, limit) {
      refused(limit);
      log.debug({ address, limit }, "a connection was closed: it is beyond a limit");
    },
  });
  const { handshakeMs, idleMs, headerBytes } = connections;
  const http = {
    maxHeaderSize: headerBytes,
    headersTimeout: Math.min(handshakeMs, bodyMs),
    requestTimeout: bodyMs,
    keepAliveTimeout: idleMs,
    // A look for requests that take too long.
    connectionsCheckingInterval: 1_000,
    // An offer of another protocol is ignored, such as the one of HTTP/2 that Java's client makes with each first
    // request. Taken as an upgrade, the request would lose its body, and nobody would read the connection any more.
    shouldUpgradeCallback: ({ url, headers }: IncomingMessage) =>
      url?.split("?", 1)[0] === webSocketPath && headers.upgrade?.toLowerCase() === "websocket",
  };
  const server = tls
    ? createTlsServer({ ...http, ...contextOf(tls), handshakeTimeout: handshakeMs }, handler)
    : createServer(http, handler);
  if (tls && "setSecureContext" in server) tls.onChange(() => server.setSecureContext(contextOf(tls)));
  // A connection whose request has arrived and is not read yet counts as idle. From a timer, Node reads
  // what has arrived before a callback of setImmediate.
  const closeIdle = server.closeIdleConnections.bind(server);
  server.closeIdleConnections = () => void setImmediate(closeIdle);
  server.on("connection", (socket) => void bounds.enter(socket));
  server.setTimeout(stalledMs);
  return server;
}

/** As for gRPC, TLS 1.3 and nothing older. */
const contextOf = ({ tls: { certificate, key } }: TlsFolder) => ({
  minVersion: "TLSv1.3" as const,
  ...(certificate !== undefined && { cert: certificate }),
  ...(key !== undefined && { key }),
});
