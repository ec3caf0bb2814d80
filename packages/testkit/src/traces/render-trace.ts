import { isOutgoing, type Span, shortName, type TraceNode, traceTree } from "@ccsp/trace-store";

/**
 * Renders a trace for people, with one line per span: `service: name 12 ms`, or `service → name` for an outgoing call.
 * Children are below their parent, in the order of their start. A span whose parent was not received is at the root and
 * is marked. Neighbours of the same shape, for example the many reports of a run, share one line with a count.
 */
export function renderTrace(spans: readonly Span[]): string {
  return traceTree(spans)
    .flatMap((root) => render(root, root.parentMissing ? "  (its parent is missing)" : "", "", ""))
    .join("\n");
}

function render(node: TraceNode, note: string, first: string, rest: string): string[] {
  const below = node.children.flatMap((child, index) => {
    const last = index === node.children.length - 1;
    const branch = `${rest}${last ? "└─ " : "├─ "}`;
    const { spans } = child;
    if (spans.length > 1) return [`${branch}${label(spans[0])} ×${spans.length}, ${duration(total(spans))} in all`];
    return render(child, "", branch, `${rest}${last ? "   " : "│  "}`);
  });
  const [span] = node.spans;
  const error = span.error === undefined ? "" : `  ✗ ${span.error}`;
  return [`${first}${label(span)} ${duration(span.endMs - span.startMs)}${error}${note}`, ...below];
}

function total(spans: readonly Span[]): number {
  return spans.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
}

function label(span: Span): string {
  return `${span.service}${isOutgoing(span) ? " →" : ":"} ${shortName(span)}`;
}

function duration(ms: number): string {
  if (ms >= 10) return `${Math.round(ms)} ms`;
  return `${ms.toFixed(1)} ms`;
}
