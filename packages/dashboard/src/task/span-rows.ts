import { duration } from "../format.js";
import type { Tone } from "../parts/text.js";
import type { TimelineRow } from "../parts/timeline.js";
import type { Answer } from "../routes.js";

type Span = Answer<"GET /tasks/{taskId}/trace">["spans"][number];

/** More than these of one kind below one parent, such as the attempts of a task, are one row. */
const FEW = 5;

/** A place in the tree of spans. More than one span: they are alike, and `children` are those of all of them. */
interface Node {
  readonly spans: readonly [Span, ...Span[]];
  readonly children: readonly Node[];
}

/**
 * The spans as rows, below their parents. Spans that are alike are one row, with a bar for each: those that follow each
 * other, such as uses of a tool, and those of which there are many below one parent, such as attempts. So a page has
 * few rows, however long the trace is. `failed` is the word for a failed one.
 */
export function spanRows(spans: readonly Span[], failed: string): readonly TimelineRow[] {
  return fold(treeOf(spans)).flatMap((node) => rowsOf(node, failed));
}

/** Each span is after its parent, so that its depth alone says which span that is. */
function treeOf(spans: readonly Span[]): Node[] {
  const roots: Node[] = [];
  const path: { readonly depth: number; readonly children: Node[] }[] = [{ depth: -1, children: roots }];
  for (const span of spans) {
    while (path.length > 1 && (path.at(-1)?.depth ?? -1) >= span.depth) path.pop();
    const children: Node[] = [];
    path.at(-1)?.children.push({ spans: [span], children });
    path.push({ depth: span.depth, children });
  }
  return roots;
}

function fold(nodes: readonly Node[]): Node[] {
  const counts = new Map<string, number>();
  for (const node of nodes) counts.set(kindOf(node), (counts.get(kindOf(node)) ?? 0) + 1);
  const folded: Node[] = [];
  const many = new Map<string, number>();
  for (const node of nodes) {
    const kind = kindOf(node);
    const last = folded.at(-1);
    const follows = last && isQuietLeaf(node) && isQuietLeaf(last) && kindOf(last) === kind;
    const at = follows ? folded.length - 1 : many.get(kind);
    const before = at === undefined ? undefined : folded[at];
    if (at !== undefined && before) {
      const spans = [...before.spans, ...node.spans] as const;
      folded[at] = { spans, children: [...before.children, ...node.children] };
    } else {
      if ((counts.get(kind) ?? 0) > FEW) many.set(kind, folded.length);
      folded.push(node);
    }
  }
  return folded.map(({ spans, children }) => ({ spans, children: fold(children) }));
}

const kindOf = ({ spans: [{ name, service, failed }] }: Node): string => JSON.stringify([name, service, failed]);
const isQuietLeaf = ({ spans: [{ failed }], children }: Node): boolean => !failed && children.length === 0;

function rowsOf({ spans, children }: Node, failed: string): TimelineRow[] {
  const [first] = spans;
  const { name, service, depth } = first;
  const bars = spans.map((span) => ({
    from: Date.parse(span.startTime ?? ""),
    to: Date.parse(span.endTime ?? ""),
    tone: toneOf(first),
  }));
  const took = duration(bars.reduce((sum, { from, to }) => sum + to - from, 0));
  const row = {
    label: spans.length > 1 ? `${name} ×${spans.length}` : name,
    depth,
    bars,
    cause: [service, took, first.failed && failed].filter(Boolean).join(" · "),
  };
  return [row, ...children.flatMap((child) => rowsOf(child, failed))];
}

const toneOf = ({ name, failed }: Span): Tone => {
  if (failed) return "failed";
  return name === "queue.wait" ? "waits" : "runs";
};
