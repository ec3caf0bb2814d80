import type { GetTaskTraceResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import type { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { TaskSpan } from "@ccsp/protos/ccsp/task/v1/trace.js";
import { byStart, type Span, shortName, type TraceNode, traceTree } from "@ccsp/trace-store";
import type { ReadSpans } from "./read-spans.js";

/** More spans than a person reads. */
const MOST = 2_000;

/** The attribute of spans that are about one task. */
const TASK_ID = "ccsp.task.id";
const TASK = "task";

/**
 * Reads the spans of a task that the caller may read: those with its id, and those below them. The trace may also have
 * spans of the agent, and of other tasks, which the caller perhaps may not read. Without `readSpans`, nothing is
 * readable.
 */
export async function traceOf(task: Task | undefined, readSpans: ReadSpans | undefined): Promise<GetTaskTraceResponse> {
  const { id = "", traceId = "" } = task ?? {};
  if (!task || !readSpans || !/^[0-9a-f]{32}$/.test(traceId)) {
    return { traceId, readable: readSpans !== undefined, spans: [], leftOut: 0 };
  }
  const all = withTask(spansOf(id, await readSpans(traceId)), task);
  const spans = all.length <= MOST ? all : mostWanted(all);
  const listed: TaskSpan[] = [];
  list(traceTree(spans.toSorted(byStart), { joinAlike: false }), 0, listed);
  return { traceId, readable: true, spans: listed, leftOut: all.length - spans.length };
}

/** The spans right below that of a task. */
const BELOW_TASK = /^(queue\.wait|task\.attempt)$/;
const STEPS = /^(task|queue\.wait|task\.attempt|engine\.run .*)$/;

/** The spans that say what happened, then the others, each in the order of their start. */
function mostWanted(spans: readonly Span[]): Span[] {
  const wanted = ({ name, error }: Span): number =>
    name === TASK ? 0 : STEPS.test(name) || error !== undefined ? 1 : 2;
  return spans.toSorted((a, b) => wanted(a) - wanted(b) || byStart(a, b)).slice(0, MOST);
}

/**
 * The queue exports the span of a task at its end, and not at all if it died at that moment. Until then, the waits and
 * attempts are below one that is made of the task. Nothing is made where they name no parent that is missing.
 */
function withTask(spans: readonly Span[], { traceId, createTime, endTime }: Task): Span[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const orphan = spans.find(
    ({ name, parentSpanId }) => BELOW_TASK.test(name) && parentSpanId !== "" && !ids.has(parentSpanId),
  );
  if (orphan === undefined) return [...spans];
  const of = spans.filter(({ parentSpanId }) => parentSpanId === orphan.parentSpanId);
  const startMs = Math.min(createTime?.getTime() ?? orphan.startMs, ...of.map((each) => each.startMs));
  const endMs = Math.max(endTime?.getTime() ?? 0, ...of.map((each) => each.endMs));
  const made = { name: TASK, traceId, spanId: orphan.parentSpanId, parentSpanId: "", service: "ccsp-queue", startMs };
  return [...spans, { ...made, kind: "internal", endMs, attributes: {}, links: [] }];
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
