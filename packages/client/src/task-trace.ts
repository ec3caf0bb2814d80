import type { GetTaskTraceResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { answered } from "./errors.js";

/** What took how long in a task, and in which service. */
export interface TaskTrace {
  /** Id of the trace, in hex. "" if the task has none. */
  readonly traceId: string;
  /** Whether the gateway can read traces. If not, an empty list of spans says nothing about the trace. */
  readonly readable: boolean;
  /**
   * The spans of this task, each after its parent. At most 2,000, the ones that matter most. Spans arrive seconds or
   * minutes after they ended, and the tracing system forgets them after a while.
   */
  readonly spans: readonly TaskSpan[];
  /** Number of spans of this task that were left out. */
  readonly leftOut: number;
}

/** How long one step took. */
export interface TaskSpan {
  /** What was done, such as `task.attempt`. */
  readonly name: string;
  /** The service that did it, such as `ccsp-executor`. */
  readonly service: string;
  /** Number of parents above it among these spans. */
  readonly depth: number;
  readonly startTime: Date;
  readonly endTime: Date;
  readonly failed: boolean;
}

export const toTaskTrace = ({ traceId, readable, spans, leftOut }: GetTaskTraceResponse): TaskTrace => ({
  ...{ traceId, readable, leftOut },
  spans: spans.map((span) => ({
    ...span,
    startTime: answered(span.startTime, "the start of a span"),
    endTime: answered(span.endTime, "the end of a span"),
  })),
});
