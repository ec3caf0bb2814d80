import { type Metadata, status } from "@grpc/grpc-js";
import { context, propagation, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { boundTraceState } from "./trace-state.js";

/**
 * The spans of calls, with the names and attributes of OpenTelemetry's semantic conventions for RPC, 1.45.0, the first release in which
 * these are stable: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/. `rpc.method` is the whole name and also the span's;
 * `rpc.status_code` is the code's name; `error.type` is the same, of a span that is an error.
 * `@opentelemetry/instrumentation-grpc` has the names of 1.37. It also patches each call object, which costs a call 10 µs more.
 */
const tracer = trace.getTracer("@ccsp/grpc-kit");

/** How OpenTelemetry reads and writes a call's metadata. */
export const HEADERS = {
  get(headers: Metadata, key: string) {
    const values = headers.get(key).map(String);
    return key === "tracestate" && values.length > 0 ? [boundTraceState(values.join(","))] : values;
  },
  keys: (headers: Metadata) => Object.keys(headers.getMap()),
  set: (headers: Metadata, key: string, value: string) => headers.set(key, value),
};

function describe(path: string) {
  const name = path.replace(/^\//, "");
  return { name, attributes: { "rpc.system.name": "grpc", "rpc.method": name } };
}

/** Runs what serves a call in the call's span, which it ends by `endServedSpan`. */
export type InCallSpan = (headers: Metadata, serve: (span: Span | undefined) => void) => void;

export const untraced: InCallSpan = (_headers, serve) => serve(undefined);

/** A SERVER span for each call of one method, in the trace that the caller's metadata names. */
export function inCallSpan(path: string): InCallSpan {
  const { name, attributes } = describe(path);
  return (headers, serve) => {
    const caller = propagation.extract(ROOT_CONTEXT, headers, HEADERS);
    const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, caller);
    context.with(trace.setSpan(caller, span), serve, undefined, span);
  };
}

/** Begins the span of a call that is made, and puts its context into the call's headers. `endCallSpan` ends it. */
export type BeginCallSpan = (headers: Metadata) => Span | undefined;

export const noSpan: BeginCallSpan = () => undefined;

/** A CLIENT span for each call of one method, in the trace that its headers name already, else under the span that is active there. */
export function beginCallSpan(path: string, target: string): BeginCallSpan {
  const { name, attributes } = describe(path);
  const options = { kind: SpanKind.CLIENT, attributes: { ...attributes, ...addressOf(target) } };
  return (headers) => {
    const around = propagation.extract(context.active(), headers, HEADERS);
    const span = tracer.startSpan(name, options, around);
    propagation.inject(trace.setSpan(around, span), headers, HEADERS);
    return span;
  };
}

/**
 * What a target names: `dns:///queue:7001` a host and its port, `consul:///queue` a service, `static:///a:1,b:1` a list, which is its
 * own address.
 */
function addressOf(target: string): Record<string, string | number> {
  const endpoint = target.replace(/^\w+:(\/\/[^/]*\/)?/, "");
  const [, name, port] = /^([\w.-]+|\[[\da-f:.]+\]):(\d+)$/i.exec(endpoint) ?? [];
  return name === undefined ? { "server.address": endpoint } : { "server.address": name, "server.port": Number(port) };
}

/** For the server these are faults of its own; the other codes tell the caller of the caller's. */
const SERVER_FAULTS: ReadonlySet<status> = new Set([
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.UNIMPLEMENTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

/** Of a call that was served: an error only for what is the server's fault. `why`: what the caller is told, for people who look at the trace. */
export function endServedSpan(span: Span | undefined, code: status, why = ""): void {
  if (span) end(span, code, SERVER_FAULTS.has(code) ? why : undefined);
}

/** Of a call that was made: an error for everything but OK. */
export function endCallSpan(span: Span | undefined, code: status, why = ""): void {
  if (span) end(span, code, code === status.OK ? undefined : why);
}

function end(span: Span, code: status, error: string | undefined): void {
  const name = status[code];
  if (error !== undefined)
    span.setStatus({ code: SpanStatusCode.ERROR, message: error }).setAttribute("error.type", name);
  span.setAttribute("rpc.status_code", name).end();
}
