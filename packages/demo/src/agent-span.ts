import { randomBytes } from "node:crypto";
import type { ReceivedSpan } from "@ccsp/testkit";

/** The span of the agent. An agent with its own tracing would have one, and the trace of the task continues it. */
export function agentSpan(name: string) {
  const traceId = randomBytes(16).toString("hex");
  const spanId = randomBytes(8).toString("hex");
  const startMs = Date.now();
  return {
    traceId,
    traceparent: `00-${traceId}-${spanId}-01`,
    end: (): ReceivedSpan => ({
      name,
      traceId,
      spanId,
      parentSpanId: "",
      service: "agent",
      kind: "internal",
      startMs,
      endMs: Date.now(),
      attributes: {},
      links: [],
    }),
  };
}
