import { contextFromTraceparent, traceparentOf, tracer } from "@ccsp/telemetry";
import { SpanKind } from "@opentelemetry/api";
import type { Task } from "../domain/task/task.js";

const spans = tracer("@ccsp/queue");

/**
 * Records how long a task waited, as a span from its acceptance to its lease. The parent of the span is the context of
 * the acceptance. Returns the traceparent of the span, which is the parent of the attempt. Returns "" when the task
 * came without a trace.
 */
export function recordQueueWait(task: Task): string {
  if (!task.trace) return "";
  const span = spans.startSpan(
    "queue.wait",
    {
      kind: SpanKind.INTERNAL,
      startTime: task.created,
      attributes: {
        "ccsp.task.id": task.id,
        "ccsp.task.class": task.class,
        "ccsp.engine": task.engine,
        "ccsp.executor.id": task.executor ?? "",
      },
    },
    contextFromTraceparent(task.trace),
  );
  span.end(task.leased);
  return traceparentOf(span.spanContext());
}
