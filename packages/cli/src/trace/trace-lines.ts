import { isOutgoing, type Span, shortName, type TraceNode, traceTree } from "@ccsp/trace-store";
import { type Paint, paint } from "../output/colour.js";
import { fitted, textWidth } from "../output/text-width.js";
import { printable } from "../process/printable.js";
import { spanTime } from "./span-time.js";
import { type Interval, timeLine, wholeOf } from "./time-line.js";

export interface LinesOptions {
  readonly width: number;
  readonly color: boolean;
}

interface Row {
  /** The lines of the tree before the name. */
  readonly branch: string;
  readonly name: string;
  readonly node: TraceNode;
  /** Lines below the row, each with the lines of the tree before it. */
  readonly details: readonly { readonly text: string; readonly isError: boolean }[];
  readonly below: string;
}

/** Longer times widen their column, so that two never touch. */
const TIME_WIDTH = 9;
const MIN_BAR = 10;
const MIN_NAME = 16;

const [DIM, BAR, BAD] = [paint("dim"), paint("cyan"), paint("red")];

/** A trace for people: a row for each span, with a bar that shows when it ran. */
export function traceLines(spans: readonly Span[], { width, color }: LinesOptions): string[] {
  const rows = traceTree(spans).flatMap((root) => rowsOf(root, spans, { first: "", rest: "" }));
  const whole = wholeOf(spans);
  const services = Math.min(
    14,
    Math.max(...rows.map(({ node }) => textWidth(serviceOf(node.spans[0]))), "service".length),
  );
  const startOf = (span: Span) => `+${spanTime(span.startMs - whole.startMs)}`;
  const cellsOf = ({ node }: Row) => [startOf(node.spans[0]), spanTime(sum(node.spans))];
  const times = Math.max(TIME_WIDTH, ...rows.flatMap(cellsOf).map((cell) => cell.length + 2));
  const fixed = services + 2 * times + 4;
  const longest = Math.max(...rows.map(({ branch, name }) => textWidth(branch + name)), MIN_NAME);
  const names = Math.max(MIN_NAME, Math.min(longest, width - fixed - MIN_BAR));
  const bar = Math.max(MIN_BAR, width - fixed - names);
  const paintIf = (style: Paint, text: string) => (color && text !== "" ? style(text) : text);

  const columns = (name: string, service: string, start: string, time: string) =>
    `${fitted(name, names)}  ${fitted(service, services)}${start.padStart(times)}${time.padStart(times)}  `;
  const lines = [paintIf(DIM, columns("span", "service", "start", "time").trimEnd())];
  for (const { branch, name, node, details, below } of rows) {
    const [span] = node.spans;
    const cells = columns(branch + name, serviceOf(span), startOf(span), spanTime(sum(node.spans)));
    const line = timeLine(node.spans, whole, bar);
    lines.push((span.error === undefined ? cells + paintIf(BAR, line) : paintIf(BAD, cells + line)).trimEnd());
    for (const { text, isError } of details) lines.push(`${below}${paintIf(isError ? BAD : DIM, text)}`);
  }
  return lines;
}

function rowsOf(node: TraceNode, spans: readonly Span[], { first, rest }: Record<"first" | "rest", string>): Row[] {
  const { spans: own, children } = node;
  const isLeaf = own.length > 1 || children.length === 0;
  const row = {
    branch: first,
    name: nameOf(own[0]) + (own.length > 1 ? ` ×${own.length}` : ""),
    node,
    details: detailsOf(node, spans),
    below: `${rest}${isLeaf ? "  " : "│ "}`,
  };
  if (isLeaf) return [row];
  const below = children.flatMap((child, index) => {
    const isLast = index === children.length - 1;
    return rowsOf(child, spans, { first: rest + (isLast ? "└ " : "├ "), rest: rest + (isLast ? "  " : "│ ") });
  });
  return [row, ...below];
}

function detailsOf({ spans: [span], parentMissing }: TraceNode, spans: readonly Span[]): Row["details"] {
  const details: Row["details"][number][] = [];
  if (span.error !== undefined) details.push({ text: `✗ ${printable(span.error)}`, isError: true });
  for (const { traceId, spanId } of span.links) {
    const linked = spans.find((each) => each.spanId === spanId && each.traceId === traceId);
    const words = linked ? nameOf(linked) : `span ${spanId}${traceId === span.traceId ? "" : ` of trace ${traceId}`}`;
    details.push({ text: `↪ follows ${words}`, isError: false });
  }
  if (parentMissing) details.push({ text: `its parent ${span.parentSpanId} is not here`, isError: false });
  return details;
}

function nameOf(span: Span): string {
  const attempt = span.attributes["ccsp.attempt"];
  const name =
    span.name === "task.attempt" && typeof attempt === "number" ? `task.attempt ${attempt}` : shortName(span);
  return printable(`${isOutgoing(span) ? "→ " : ""}${name}`);
}

const serviceOf = ({ service }: Span): string => printable(service.replace(/^ccsp-/, ""));

const sum = (spans: readonly Interval[]): number =>
  spans.reduce((total, { startMs, endMs }) => total + endMs - startMs, 0);
