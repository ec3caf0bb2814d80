import { AsyncLocalStorage } from "node:async_hooks";
import { boundTraceState } from "@ccsp/grpc-kit";
import { declareTracedHistogram } from "@ccsp/metrics";
import { type Context, context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Registry } from "prom-client";

const tracer = trace.getTracer("@ccsp/gateway");

const DURATION = declareTracedHistogram({
  name: "http_server_request_duration_seconds",
  help: "Duration of served HTTP requests; for a stream, until it ended",
  labels: {
    method: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"],
    route: "routes of the gateway, and `none` for a path without one",
    code: "HTTP status codes that the gateway answers with",
  },
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
});
const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

declare module "fastify" {
  interface FastifyContextConfig {
    /** Requests of this route make no span. For what a page loads, such as its pictures. */
    untraced?: boolean;
  }
}

/**
 * Measures each request, and gives it a SERVER span in the caller's trace. Names and attributes follow OpenTelemetry's
 * conventions for HTTP, version 1.45.0. The span is an error only if the server is at fault.
 */
export function observeRequests(app: FastifyInstance, registry: Registry | undefined): void {
  const observe = DURATION(registry);
  // A request comes in the context of its connection. Its spans belong to the service that opened the port.
  const inStart = AsyncLocalStorage.snapshot();
  app.addHook("onRequest", (request, reply, done) => {
    const began = performance.now();
    const route = routeOf(request);
    const method = METHODS.includes(request.method) ? request.method : "other";
    const caller = request.routeOptions.config.untraced ? undefined : callerOf(request);
    // What pages and monitors read again and again has a span only in a caller's trace, as over gRPC.
    const quiet = READS.includes(method) && caller !== undefined && trace.getSpanContext(caller) === undefined;
    const span = caller === undefined || quiet ? undefined : inStart(begin, request, { route, method, caller });
    reply.raw.once("close", () => {
      const { statusCode } = reply.raw;
      const answered = reply.raw.writableFinished || reply.raw.headersSent || statusCode === SWITCHED;
      const code = answered ? statusCode : 499;
      const labels = { method, route: route ?? "none", code: String(code) };
      observe(labels, (performance.now() - began) / 1e3, span?.spanContext());
      span?.setAttribute("http.response.status_code", code);
      if (code >= 500) span?.setStatus({ code: SpanStatusCode.ERROR }).setAttribute("error.type", String(code));
      span?.end();
    });
    if (!span) return done();
    contexts.set(request, trace.setSpan(context.active(), span));
    inStart(inSpan, request, done);
  });
  // The parser of bodies continues in the context of the connection.
  app.addHook("preHandler", (request, _reply, done) => inStart(inSpan, request, done));
}

const READS: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/** The answer to a request that became a WebSocket. Others write it, so that its reply never ends. */
const SWITCHED = 101;

const contexts = new WeakMap<FastifyRequest, ReturnType<typeof context.active>>();

function inSpan(request: FastifyRequest, done: () => void): void {
  const around = contexts.get(request);
  if (around) context.with(around, done);
  else done();
}

const routeOf = ({ is404, routeOptions: { url } }: FastifyRequest): string | undefined => (is404 ? undefined : url);

const callerOf = ({ headers }: FastifyRequest): Context =>
  propagation.extract(ROOT_CONTEXT, {
    ...(typeof headers["traceparent"] === "string" && { traceparent: headers["traceparent"] }),
    ...(typeof headers["tracestate"] === "string" && { tracestate: boundTraceState(headers["tracestate"]) }),
  });

interface Served {
  readonly route: string | undefined;
  readonly method: string;
  readonly caller: Context;
}

function begin(request: FastifyRequest, { route, method, caller }: Served) {
  const { protocol, hostname, port, url, socket } = request;
  const attributes = {
    "http.request.method": method === "other" ? "_OTHER" : method,
    "url.path": url.split("?", 1)[0] ?? "",
    "url.scheme": protocol,
    "server.address": hostname,
    ...(port !== undefined && port !== null && { "server.port": port }),
    "client.address": socket.remoteAddress ?? "",
    ...(route !== undefined && { "http.route": route }),
  };
  return tracer.startSpan(
    route === undefined ? method : `${method} ${route}`,
    { kind: SpanKind.SERVER, attributes },
    caller,
  );
}
