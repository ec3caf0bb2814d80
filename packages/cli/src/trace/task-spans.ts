import type { TaskTrace } from "@ccsp/client";
import type { Span } from "@ccsp/trace-store";

/**
 * The spans that a gateway read, in the form of a store's. The gateway says how deep each one is, and gives no ids: so
 * the ids of these are made up.
 */
export function spansOfTask({ traceId, spans }: TaskTrace): Span[] {
  const above: string[] = [];
  return spans.map(({ name, service, depth, startTime, endTime, failed }, index) => {
    const spanId = String(index + 1);
    above.length = depth;
    const parentSpanId = above.at(-1) ?? "";
    above.push(spanId);
    const times = { startMs: startTime.getTime(), endMs: endTime.getTime() };
    const what = { name, service, kind: "internal", attributes: {}, links: [] } as const;
    return { traceId, spanId, parentSpanId, ...what, ...times, ...(failed && { error: "failed" }) };
  });
}
