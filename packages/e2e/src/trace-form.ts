import type { ReceivedSpan } from "@ccsp/testkit";
import { shortName } from "@ccsp/trace-store";

/** The trace as lines: children in the order of their start, ▸ for a call that goes out, ! for an error. */
export function drawn(spans: readonly ReceivedSpan[]): string {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const below = (parent: string | undefined, indent: string): string[] =>
    spans
      .filter((span) => (parent === undefined ? !ids.has(span.parentSpanId) : span.parentSpanId === parent))
      .toSorted((a, b) => a.startMs - b.startMs || order(a) - order(b))
      .flatMap((span) => [indent + lineOf(span), ...below(span.spanId, `${indent}  `)]);
  return below(undefined, "").join("\n");
}

/** A wait begins in the same millisecond as the attempt before it ends. */
const order = ({ name }: ReceivedSpan): number => ["queue.wait", "task.attempt"].indexOf(name);

function lineOf(span: ReceivedSpan): string {
  const { name, kind, error, attributes } = span;
  const kinds = attributes["ccsp.wait.for"];
  // A busy machine makes each task wait for its turn.
  const told = Array.isArray(kinds) ? kinds.filter((word) => word !== "TURN") : [];
  const wait = name === "queue.wait" ? [" ", [attributes["ccsp.attempt"], ...told].join(" ")].join("") : "";
  return `${kind === "client" ? "▸ " : ""}${shortName({ name })}${wait}${error === undefined ? "" : "!"}`;
}

/** A piece of the critical path, and the span on which it lies. */
interface Piece {
  readonly name: string;
  readonly ms: number;
}

/**
 * The critical path below `root`, as Jaeger's page computes it: from the end of a span backwards, each time through the
 * child that ended last before. A child is cut where its parent begins and ends, and what is outside is dropped.
 */
export function criticalPath(spans: readonly ReceivedSpan[], root: ReceivedSpan): readonly Piece[] {
  const pieces: Piece[] = [];
  const walk = ({ spanId, name }: ReceivedSpan, startMs: number, endMs: number): void => {
    const children = spans
      .filter(({ parentSpanId }) => parentSpanId === spanId)
      .map((span) => ({ span, from: Math.max(span.startMs, startMs), to: Math.min(span.endMs, endMs) }))
      .filter(({ from, to }) => from < to)
      .toSorted((a, b) => b.to - a.to);
    let at = endMs;
    for (const [n, { span, from, to }] of children.entries()) {
      if (n > 0 && to >= at) continue;
      pieces.push({ name, ms: at - to });
      walk(span, from, to);
      at = from;
    }
    pieces.push({ name, ms: at - startMs });
  };
  walk(root, root.startMs, root.endMs);
  return pieces;
}

/** The share of a critical path that lies on the engine and its tools, from 0 to 1. */
export function shareOfEngine(path: readonly Piece[]): number {
  const sum = (pieces: readonly Piece[]): number => pieces.reduce((all, { ms }) => all + ms, 0);
  return sum(path.filter(({ name }) => /^(engine\.run|execute_tool) /.test(name))) / sum(path);
}
