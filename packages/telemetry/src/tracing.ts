import {
  type Attributes,
  type HrTime,
  type Link,
  ProxyTracerProvider,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import { hrTimeDuration, millisToHrTime } from "@opentelemetry/core";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";

/**
 * Returns a tracer. Its spans are dropped, at almost no cost, if the process was started without `--import
 * @ccsp/telemetry/register.js`.
 */
export function tracer(name: string): Tracer {
  return trace.getTracer(name);
}

/**
 * Exports the waiting spans and stops tracing. Spans that end later are lost, so call it last. Does nothing if
 * register.js was not loaded. Rejects if the collector does not accept the spans.
 */
export async function shutdownTracing(): Promise<void> {
  const provider = trace.getTracerProvider();
  const delegate = provider instanceof ProxyTracerProvider ? provider.getDelegate() : provider;
  if (canShutDown(delegate)) await delegate.shutdown();
}

function canShutDown(provider: TracerProvider): provider is TracerProvider & { shutdown(): Promise<void> } {
  return "shutdown" in provider && typeof provider.shutdown === "function";
}

/** A span whose beginning and end are known, and whose ids were given out before. */
export interface FinishedSpan {
  readonly name: string;
  readonly kind?: SpanKind;
  /** Its own ids. It is exported only if they say that the trace is sampled. */
  readonly context: SpanContext;
  readonly parent?: SpanContext | undefined;
  /** Ms since 1970, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  readonly links?: readonly Link[];
  /** Oldest first. */
  readonly events?: readonly { readonly name: string; readonly timeMs: number; readonly attributes?: Attributes }[];
  readonly droppedEvents?: number;
  /** Present: the span is an error, and this is its description. */
  readonly error?: string | undefined;
}

/** `end`, or a microsecond after `start`. Jaeger takes a span without a length for one that ends before it begins. */
export function notBefore([startS, startNs]: HrTime, [s, ns]: HrTime): HrTime {
  return s < startS || (s === startS && ns <= startNs) ? [startS, startNs + 1_000] : [s, ns];
}

let exportSpan: ((span: Omit<ReadableSpan, "resource">) => void) | undefined;

/** For `start-tracing.ts`: where finished spans go. */
export function exportTo(target: NonNullable<typeof exportSpan>): void {
  exportSpan = target;
}

/**
 * Exports a span that no tracer of this process began. So a span may begin in one process and end in another. No
 * sampler is asked: the ids say what was decided. Does nothing where nothing is exported.
 */
export function recordSpan(scope: string, span: FinishedSpan): void {
  const { startMs, endMs, parent, links = [], events = [], error } = span;
  const startTime = millisToHrTime(startMs);
  const endTime = notBefore(startTime, millisToHrTime(endMs));
  exportSpan?.({
    name: span.name,
    kind: span.kind ?? SpanKind.INTERNAL,
    spanContext: () => span.context,
    ...(parent && { parentSpanContext: parent }),
    startTime,
    endTime,
    duration: hrTimeDuration(startTime, endTime),
    ended: true,
    status: error === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: error },
    attributes: span.attributes,
    links: [...links],
    events: events.map(({ name, timeMs, attributes = {} }) => ({ name, time: millisToHrTime(timeMs), attributes })),
    instrumentationScope: { name: scope },
    droppedAttributesCount: 0,
    droppedEventsCount: span.droppedEvents ?? 0,
    droppedLinksCount: 0,
  });
}
