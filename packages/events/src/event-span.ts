import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from "@opentelemetry/api";
import { EVENTS } from "./event-stream.js";

/** The event whose effect a span is. */
export interface SpannedEvent {
  readonly id: string;
  /** Such as `task.completed`. */
  readonly type: string;
  readonly taskId: string;
  /** W3C trace context of the task's span. */
  readonly traceparent: string;
}

/**
 * Runs `work` in a CONSUMER span. It begins after the task, perhaps hours later, so it has a trace of its own with a
 * link to the task's span. The span ends with the work and is an error if the work rejects. Its attributes follow the
 * conventions for messaging, 1.45.0 (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/, in
 * development). The caller chooses its name. Without tracing, or if the task is in no trace or not sampled, it only runs
 * `work`.
 */
export function withEventSpan<T>(name: string, event: SpannedEvent, work: () => Promise<T>): Promise<T> {
  const { id, type, taskId, traceparent } = event;
  const task = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, { traceparent }));
  if (task === undefined || (task.traceFlags & TraceFlags.SAMPLED) === 0) return work();
  const attributes = {
    "messaging.system.name": "redis",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": EVENTS,
    "messaging.message.id": id,
    "ccsp.event.type": type,
    "ccsp.task.id": taskId,
  };
  const options = { kind: SpanKind.CONSUMER, attributes, links: [{ context: task }], root: true };
  const span = trace.getTracer("@ccsp/events").startSpan(name, options, ROOT_CONTEXT);
  return context.with(trace.setSpan(ROOT_CONTEXT, span), async () => {
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
