import { type Context, isSpanContextValid, ROOT_CONTEXT, type SpanContext, trace } from "@opentelemetry/api";

/** Returns the W3C traceparent of the active span, or "" if no span is active. */
export const currentTraceparent = (): string => traceparentOf(trace.getActiveSpan()?.spanContext());

/** The W3C traceparent of a span, in version 00. "" when the span is absent or in no trace. */
export function traceparentOf(span: SpanContext | undefined): string {
  if (span === undefined || !isSpanContextValid(span)) return "";
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, "0")}`;
}

/** A traceparent of any version, in version 00, so it has 55 characters. "" when it is empty or malformed. */
export const readTraceparent = (traceparent: string): string => traceparentOf(spanOfTraceparent(traceparent));

/**
 * Returns a context whose spans continue the trace of `traceparent`. Returns the root context if it is empty or
 * malformed, as W3C requires.
 */
export function contextFromTraceparent(traceparent: string): Context {
  const span = spanOfTraceparent(traceparent);
  return span === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, span);
}

/** Returns the trace id in `traceparent` as 32 hex digits. Returns "" if it is empty or malformed. */
export function traceIdOf(traceparent: string): string {
  return spanOfTraceparent(traceparent)?.traceId ?? "";
}

/** The span that `traceparent` names. Undefined if it is empty or malformed. */
export function spanOfTraceparent(traceparent: string): SpanContext | undefined {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(traceparent);
  if (match === null) return undefined;
  const [, version, traceId = "", spanId = "", flags = "", more] = match;
  // A later version may have more fields after the flags. The version ff is invalid.
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  const span = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(span) ? span : undefined;
}
