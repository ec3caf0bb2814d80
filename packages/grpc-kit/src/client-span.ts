import type { Metadata } from "@grpc/grpc-js";
import { context, propagation, type Span, SpanKind, trace } from "@opentelemetry/api";
import { splitPath } from "./service-shape.js";

/** Begins the span of a call that is made, and puts its context into the call's headers. `endCallSpan` ends it. */
export type BeginCallSpan = (headers: Metadata) => Span | undefined;

export const noSpan: BeginCallSpan = () => undefined;

const tracer = trace.getTracer("@ccsp/grpc-kit");

const HEADERS = {
  set: (headers: Metadata, key: string, value: string) => headers.set(key, value),
  get: (headers: Metadata, key: string) => headers.get(key).map(String),
  keys: (headers: Metadata) => Object.keys(headers.getMap()),
};

/**
 * A CLIENT span for each call of one method, in the trace that its headers name already, else under the span that is active there, as `inCallSpan` makes them of what is served: a whole
 * instrumentation of grpc-js patches each call, binds its emitter and costs more for it.
 */
export function beginCallSpan(path: string, target: string): BeginCallSpan {
  const { service, method } = splitPath(path);
  const name = `grpc.${service}/${method}`;
  const attributes = { "rpc.system": "grpc", "rpc.method": method, "rpc.service": service, ...addressOf(target) };
  return (headers) => {
    const around = propagation.extract(context.active(), headers, HEADERS);
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT }, around).setAttributes(attributes);
    propagation.inject(trace.setSpan(around, span), headers, HEADERS);
    return span;
  };
}

/** Of a target that names one: `dns:///queue:7001`, `10.0.0.1:7001`. */
function addressOf(target: string): Record<string, string | number> {
  const [, name, port] = /([\w.-]+):(\d+)$/.exec(target) ?? [];
  return name === undefined ? {} : { "server.address": name, "server.port": Number(port) };
}
