import { byStart, type ReceivedSpan } from "./received-span.js";

interface Node {
  readonly span: ReceivedSpan;
  readonly children: readonly Node[];
}

/**
 * Renders a trace for people, with one line per span: `service: name 12 ms`, or `service → name` for an outgoing call.
 * Children are below their parent, in the order of their start. A span whose parent was not received is at the root and
 * is marked. Neighbours of the same shape, for example the many reports of a run, share one line with a count.
 */
export function renderTrace(spans: readonly ReceivedSpan[]): string {
  const byId = new Set(spans.map((span) => span.spanId));
  const roots = spans.filter((span) => !byId.has(span.parentSpanId) || span.parentSpanId === span.spanId);
  const lines = inOrder(roots).flatMap((span) => {
    const note = span.parentSpanId === "" ? "" : "  (its parent is missing)";
    return render(grow(span, spans), note, "", "");
  });
  return lines.join("\n");
}

function grow(span: ReceivedSpan, spans: readonly ReceivedSpan[]): Node {
  const children = spans.filter((child) => child.parentSpanId === span.spanId && child.spanId !== span.spanId);
  return { span, children: inOrder(children).map((child) => grow(child, spans)) };
}

function inOrder(spans: readonly ReceivedSpan[]): readonly ReceivedSpan[] {
  return spans.toSorted(byStart);
}

function render(node: Node, note: string, first: string, rest: string): string[] {
  const groups = alike(node.children);
  const below = groups.flatMap((group, index) => {
    const last = index === groups.length - 1;
    const [head] = group;
    if (!head) return [];
    const branch = `${rest}${last ? "└─ " : "├─ "}`;
    if (group.length > 1) return [`${branch}${label(head.span)} ×${group.length}, ${duration(total(group))} in all`];
    return render(head, "", branch, `${rest}${last ? "   " : "│  "}`);
  });
  const { span } = node;
  const error = span.error === undefined ? "" : `  ✗ ${span.error}`;
  return [`${first}${label(span)} ${duration(span.endMs - span.startMs)}${error}${note}`, ...below];
}

/** Groups neighbours of the same shape. A failed span is never in a group with others. */
function alike(nodes: readonly Node[]): readonly (readonly Node[])[] {
  const groups: Node[][] = [];
  for (const node of nodes) {
    const group = groups.at(-1);
    if (group?.[0] && shape(node) === shape(group[0])) group.push(node);
    else groups.push([node]);
  }
  return groups;
}

function shape({ span, children }: Node): string {
  if (span.error !== undefined) return span.spanId;
  return `${label(span)}(${children.map(shape).join()})`;
}

function total(nodes: readonly Node[]): number {
  return nodes.reduce((sum, { span }) => sum + span.endMs - span.startMs, 0);
}

function label(span: ReceivedSpan): string {
  const outgoing = span.kind === "client" || span.kind === "producer";
  return `${span.service}${outgoing ? " →" : ":"} ${shortName(span.name)}`;
}

/** Shortens `ccsp.queue.v1.QueueService/Enqueue` to `QueueService/Enqueue`. */
function shortName(name: string): string {
  return /^(?:[a-z0-9_]+\.)*([A-Za-z]\w*\/\w+)$/.exec(name)?.[1] ?? name;
}

function duration(ms: number): string {
  if (ms >= 10) return `${Math.round(ms)} ms`;
  return `${ms.toFixed(1)} ms`;
}
