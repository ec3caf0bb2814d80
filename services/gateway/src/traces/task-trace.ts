import type { GetTaskTraceResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import type { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { TaskSpan } from "@ccsp/protos/ccsp/task/v1/trace.js";
import { byStart, type Span, shortName, type TraceNode, traceTree } from "@ccsp/trace-store";
import type { ReadSpans } from "./read-spans.js";

/** More spans than a person reads. */
const MOST = 2_000;

/** The attribute of spans that are about one task. */
const TASK_ID = "ccsp.task.id";

/**
 * Reads the spans of a task that the caller may read: those with its id, and those below them. The trace may also have
 * spans of the agent, and of other tasks, which the caller perhaps may not read. Without `readSpans`, nothing is
 * readable.
 */
export async function traceOf(task: Task | undefined, readSpans: ReadSpans | undefined): Promise<GetTaskTraceResponse> {
  const { id = "", traceId = "" } = task ?? {};
  if (!readSpans || !/^[0-9a-f]{32}$/.test(traceId)) return { traceId, readable: readSpans !== undefined, spans: [] };
  const spans = spansOf(id, await readSpans(traceId))
    .sort(byStart)
    .slice(0, MOST);
  const listed: TaskSpan[] = [];
  list(traceTree(spans, { joinAlike: false }), 0, listed);
  return { traceId, readable: true, spans: listed };
}

function list(nodes: readonly TraceNode[], depth: number, listed: TaskSpan[]): void {
  for (const {
    spans: [span],
    children,
  } of nodes) {
    listed.push({
      name: shortName(span),
      service: span.service,
      depth,
      startTime: new Date(span.startMs),
      endTime: new Date(span.endMs),
      failed: span.error !== undefined,
    });
    list(children, depth + 1, listed);
  }
}

/** A span without a task's id belongs to the task of its parent. */
function spansOf(taskId: string, spans: readonly Span[]): Span[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const ofTask = new Map<Span, boolean>();
  for (const span of spans) {
    const way = new Set<Span>();
    let at: Span | undefined = span;
    // The second check ends a circle of parents, which only a wrong trace has.
    while (at && !way.has(at) && !ofTask.has(at) && at.attributes[TASK_ID] === undefined) {
      way.add(at);
      at = byId.get(at.parentSpanId);
    }
    const belongs = at !== undefined && (ofTask.get(at) ?? at.attributes[TASK_ID] === taskId);
    for (const each of way) ofTask.set(each, belongs);
    ofTask.set(span, belongs);
  }
  return spans.filter((span) => ofTask.get(span));
}
