import { type Context, isSpanContextValid, ROOT_CONTEXT, type SpanContext, trace } from "@opentelemetry/api";

/** The W3C traceparent of the span that is active here; "" when there is none. */
export function currentTraceparent(): string {
  const span = trace.getActiveSpan()?.spanContext();
  if (span === undefined || !isSpanContextValid(span)) return "";
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, "0")}`;
}

/** A context whose spans continue the trace of `traceparent`; the root context when it is empty or malformed, as W3C asks. */
export function contextFromTraceparent(traceparent: string): Context {
  const span = parse(traceparent);
  return span === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, span);
}

/** The trace id in `traceparent`, 32 hex digits; "" when it is empty or malformed. */
export function traceIdOf(traceparent: string): string {
  return parse(traceparent)?.traceId ?? "";
}

function parse(traceparent: string): SpanContext | undefined {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(traceparent);
  if (match === null) return undefined;
  const [, version, traceId = "", spanId = "", flags = "", more] = match;
  // A later version may have more fields behind the flags; ff is no version.
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  const span = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(span) ? span : undefined;
}
