import { type Metadata, status } from "@grpc/grpc-js";
import { context, propagation, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { boundTraceState } from "./trace-state.js";

/**
 * The spans of calls. Names and attributes follow OpenTelemetry's semantic conventions for RPC, version 1.45.0, the
 * first release in which they are stable: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/. `rpc.method` is the
 * full method name, and also the name of the span. `rpc.status_code` is the name of the code. Releases 1.39 to 1.44 call
 * it `rpc.response.status_code`, and so do most programs that show traces, so a span has both. A span that is an error
 * has the same name in `error.type`.
 *
 * This package does not use `@opentelemetry/instrumentation-grpc`: it has the names of version 1.37, and it patches
 * each call object, which costs 10 µs more per call.
 */
const tracer = trace.getTracer("@ccsp/grpc-kit");

/** Reads and writes a call's metadata for OpenTelemetry. */
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

/**
 * Calls that services and pages repeat for as long as they run: reads, the hold of budgets, and the probe of a login. A
 * trace of such a call alone says nothing, so they have a span only in a caller's trace.
 */
const REPEATED = /\/(?:Get|List|Watch|Explain|Estimate|Export|Preview|Tail)\w*$|\/(?:WhoAmI|SetBudgetHolds|Probe)$/;

/** Runs `serve` in the span of the call. `serve` ends the span with `endServedSpan`. */
export type InCallSpan = (headers: Metadata, serve: (span: Span | undefined) => void) => void;

export const untraced: InCallSpan = (_headers, serve) => serve(undefined);

/**
 * Makes a SERVER span for each call of one method, in the trace that the caller's metadata names. If they name none, a
 * call that changes something begins a trace, and other calls have no span.
 */
export function inCallSpan(path: string): InCallSpan {
  const { name, attributes } = describe(path);
  const repeated = REPEATED.test(path);
  return (headers, serve) => {
    const caller = propagation.extract(ROOT_CONTEXT, headers, HEADERS);
    if (repeated && trace.getSpanContext(caller) === undefined) return serve(undefined);
    const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, caller);
    context.with(trace.setSpan(caller, span), serve, undefined, span);
  };
}

/** Begins the span of an outgoing call and writes its context into the call's headers. `endCallSpan` ends the span. */
export type BeginCallSpan = (headers: Metadata) => Span | undefined;

export const noSpan: BeginCallSpan = () => undefined;

/**
 * Makes a CLIENT span for each call of one method. The span is in the trace that the call's headers name. If they name
 * none, its parent is the active span. Without that, a call that changes something begins a trace, and other calls have
 * no span.
 */
export function beginCallSpan(path: string, target: string): BeginCallSpan {
  const { name, attributes } = describe(path);
  const options = { kind: SpanKind.CLIENT, attributes: { ...attributes, ...addressOf(target) } };
  const repeated = REPEATED.test(path);
  return (headers) => {
    const around = propagation.extract(context.active(), headers, HEADERS);
    if (repeated && trace.getSpanContext(around) === undefined) return undefined;
    const span = tracer.startSpan(name, options, around);
    propagation.inject(trace.setSpan(around, span), headers, HEADERS);
    return span;
  };
}

/**
 * The address in a target. `dns:///queue:7001` names a host and its port, and `consul:///queue` names a service.
 * `static:///a:1,b:1` is a list: the whole list is the address.
 */
function addressOf(target: string): Record<string, string | number> {
  const endpoint = target.replace(/^\w+:(\/\/[^/]*\/)?/, "");
  const [, name, port] = /^([\w.-]+|\[[\da-f:.]+\]):(\d+)$/i.exec(endpoint) ?? [];
  return name === undefined ? { "server.address": endpoint } : { "server.address": name, "server.port": Number(port) };
}

/** These codes are faults of the server itself. The other codes report a fault of the caller. */
const SERVER_FAULTS: ReadonlySet<status> = new Set([
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.UNIMPLEMENTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

/**
 * Ends the span of a call that this process served. The span is an error only if the server is at fault. `why` is the
 * message that the caller got. It helps people who read the trace.
 */
export function endServedSpan(span: Span | undefined, code: status, why = ""): void {
  if (span) end(span, code, SERVER_FAULTS.has(code) ? why : undefined);
}

/** Ends the span of an outgoing call. The span is an error for every code except OK. */
export function endCallSpan(span: Span | undefined, code: status, why = ""): void {
  if (span) end(span, code, code === status.OK ? undefined : why);
}

function end(span: Span, code: status, error: string | undefined): void {
  const name = status[code];
  if (error !== undefined)
    span.setStatus({ code: SpanStatusCode.ERROR, message: error }).setAttribute("error.type", name);
  span.setAttribute("rpc.status_code", name).setAttribute("rpc.response.status_code", name).end();
}
