import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { EVENT_TYPES, EVENTS } from "./event-stream.js";

/**
 * Runs `work` in a CONSUMER span of the event's own trace, so that the trace of a task also shows the effects of its
 * events. The span ends with the work and is an error if the work rejects. Its attributes follow the conventions for
 * messaging, 1.45.0 (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/, in development). The
 * caller chooses its name. Without tracing, or without a trace in the event, it only runs `work`.
 */
export function withEventSpan<T>(name: string, event: Event, work: () => Promise<T>): Promise<T> {
  const parent = propagation.extract(ROOT_CONTEXT, { traceparent: event.traceparent });
  // Without the task's trace, the span would begin a new trace that no reader looks for.
  if (trace.getSpanContext(parent) === undefined) return work();
  const attributes = {
    "messaging.system.name": "redis",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": EVENTS,
    "messaging.message.id": event.id,
    "ccsp.event.type": event.data === undefined ? "" : EVENT_TYPES[event.data.$case],
    "ccsp.task.id": event.taskId,
  };
  const span = trace.getTracer("@ccsp/events").startSpan(name, { kind: SpanKind.CONSUMER, attributes }, parent);
  return context.with(trace.setSpan(parent, span), async () => {
    try {
      return await work();
    } catch (error) {
      const type = error instanceof Error ? error.name : "_OTHER";
      span.setStatus({ code: SpanStatusCode.ERROR, message: type }).setAttribute("error.type", type);
      throw error;
    } finally {
      span.end();
    }
  });
}
