import type { Span } from "./span.js";

/** A place in the tree of a trace. */
export interface TraceNode {
  /** More than one: neighbours of the same shape, for example the many reports of a run. */
  readonly spans: readonly [Span, ...Span[]];
  /** The children of the first span. */
  readonly children: readonly TraceNode[];
  /** A root that names a parent: the parent is not among the spans. */
  readonly parentMissing: boolean;
}

/**
 * The spans of a trace as trees: children below their parent, in the order of their start. A span whose parent is
 * missing is a root. Each span is in the result once, even if parents form a circle. With `joinAlike: false`, each node
 * has one span.
 */
export function traceTree(
  spans: readonly Span[],
  options: { readonly joinAlike: boolean } = { joinAlike: true },
): readonly TraceNode[] {
  const joined = options.joinAlike ? joinAlike : (nodes: readonly TraceNode[]) => nodes;
  const ids = new Set(spans.map(({ spanId }) => spanId));
  // Waits of several attempts begin at the same time: what ended first comes first.
  const sorted = spans.toSorted((a, b) => a.startMs - b.startMs || a.endMs - b.endMs);
  const childrenOf = byParent(sorted);
  const placed = new Set<Span>();
  const grow = (span: Span): TraceNode => {
    const children = (childrenOf.get(span.spanId) ?? []).filter((child) => !placed.has(child));
    for (const child of children) placed.add(child);
    return { spans: [span], children: joined(children.map(grow)), parentMissing: false };
  };
  const growRoot = (root: Span): TraceNode => {
    placed.add(root);
    return { ...grow(root), parentMissing: root.parentSpanId !== "" };
  };
  const nodes = sorted.filter(({ parentSpanId }) => !ids.has(parentSpanId)).map(growRoot);
  // A span in a circle, or below one, is not under any of these roots. The first one of each circle becomes a root too.
  for (const span of sorted) if (!placed.has(span)) nodes.push(growRoot(span));
  return nodes;
}

function byParent(spans: readonly Span[]): ReadonlyMap<string, readonly Span[]> {
  const children = new Map<string, Span[]>();
  for (const span of spans) {
    const siblings = children.get(span.parentSpanId);
    if (siblings) siblings.push(span);
    else children.set(span.parentSpanId, [span]);
  }
  return children;
}

/** A failed span is never joined with others. */
function joinAlike(nodes: readonly TraceNode[]): readonly TraceNode[] {
  const joined: TraceNode[] = [];
  let before = "";
  for (const node of nodes) {
    const shape = shapeOf(node);
    const last = joined.at(-1);
    if (last && shape === before) joined[joined.length - 1] = { ...last, spans: [...last.spans, ...node.spans] };
    else joined.push(node);
    before = shape;
  }
  return joined;
}

function shapeOf({ spans: [span, ...others], children }: TraceNode): string {
  if (span.error !== undefined || span.links.length > 0) return span.spanId;
  return `${others.length} ${span.service} ${span.kind} ${span.name}(${children.map(shapeOf).join()})`;
}

/** Shortens `ccsp.queue.v1.QueueService/Enqueue` to `QueueService/Enqueue`. */
export function shortName({ name }: Pick<Span, "name">): string {
  return /^(?:[a-z0-9_]+\.)*([A-Za-z]\w*\/\w+)$/.exec(name)?.[1] ?? name;
}

/** A call to another process, as its caller sees it. */
export const isOutgoing = ({ kind }: Span): boolean => kind === "client" || kind === "producer";
