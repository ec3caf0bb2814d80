import { duration } from "../format.js";
import type { Tone } from "../parts/text.js";
import type { TimelineRow } from "../parts/timeline.js";
import type { Answer } from "../routes.js";

type Span = Answer<"GET /tasks/{taskId}/trace">["spans"][number];

/**
 * The spans as rows, below their parents. Spans that follow each other and are alike, such as the reports of a run, are
 * one row. `failed` is the word for a failed one.
 */
export function spanRows(spans: readonly Span[], failed: string): readonly TimelineRow[] {
  const groups: { readonly first: Span; readonly all: Span[] }[] = [];
  for (const [index, span] of spans.entries()) {
    const isLeaf = (spans[index + 1]?.depth ?? 0) <= span.depth;
    const group = groups.at(-1);
    const before = spans[index - 1];
    if (group && before && isLeaf && alike(group.first, span) && before.depth === span.depth) group.all.push(span);
    else groups.push({ first: span, all: [span] });
  }
  return groups.map(({ first, all }) => {
    const { name, service, depth } = first;
    const bars = all.map((span) => ({
      from: Date.parse(span.startTime ?? ""),
      to: Date.parse(span.endTime ?? ""),
      tone: toneOf(first),
    }));
    const took = duration(bars.reduce((sum, { from, to }) => sum + to - from, 0));
    return {
      label: all.length > 1 ? `${name} ×${all.length}` : name,
      depth,
      bars,
      cause: [service, took, first.failed && failed].filter(Boolean).join(" · "),
    };
  });
}

const toneOf = ({ name, failed }: Span): Tone => {
  if (failed) return "failed";
  return name === "queue.wait" ? "waits" : "runs";
};

const alike = (one: Span, other: Span): boolean =>
  one.depth === other.depth && one.name === other.name && one.service === other.service && !one.failed && !other.failed;
