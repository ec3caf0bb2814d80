import assert from "node:assert/strict";
import type { Span } from "@ccsp/trace-store";
import { textWidth } from "../output/text-width.js";
import { traceLines } from "./trace-lines.js";

const span = (spanId: string, parentSpanId: string, startMs: number, rest: Partial<Span> = {}): Span => ({
  name: spanId,
  traceId: "t",
  spanId,
  parentSpanId,
  service: "ccsp-queue",
  kind: "internal",
  startMs,
  endMs: startMs + 100,
  attributes: {},
  links: [],
  ...rest,
});

const SPANS = [
  span("ccsp.gateway.v1.AgentService/RunTask", "gone", 0, { spanId: "root", endMs: 2_000, service: "ccsp-gateway" }),
  span("first", "root", 500, { name: "task.attempt", attributes: { "ccsp.attempt": 1 }, error: "bad\u001b[31m" }),
  span("second", "root", 1_000, {
    name: "task.attempt",
    attributes: { "ccsp.attempt": 2 },
    links: [
      { traceId: "t", spanId: "first" },
      { traceId: "other", spanId: "far" },
    ],
  }),
  ...[1_500, 1_900].map((start) =>
    span(`report ${start}`, "root", start, { name: "report", kind: "client", endMs: start + 0.2 }),
  ),
];

describe("traceLines", () => {
  it("shows names, times, bars, errors, links and a parent that is missing", () => {
    assert.deepEqual(traceLines(SPANS, { width: 64, color: false }), [
      "span                  service    start     time",
      "AgentService/RunTask  gateway  +0.0 ms   2.00 s  ━━━━━━━━━━━━━━━",
      "│ its parent gone is not here",
      "├ task.attempt 1      queue    +500 ms   100 ms     ━━",
      "│   ✗ bad\\u001b[31m",
      "├ task.attempt 2      queue    +1.00 s   100 ms         ━",
      "│   ↪ follows task.attempt 1",
      "│   ↪ follows span far of trace other",
      "└ → report ×2         queue    +1.50 s   0.4 ms             ━  ━",
    ]);
  });

  it("counts a wide character as two columns, so that the bars stay below each other", () => {
    const wide = SPANS.map((each) => (each.spanId === "first" ? { ...each, name: "日本語の名前".repeat(4) } : each));
    const bars = traceLines(wide, { width: 64, color: false }).filter((line) => line.includes("  +"));
    const starts = bars.map((line) => textWidth(line.slice(0, line.indexOf("  +"))));
    assert.ok(starts.length >= 4);
    assert.equal(new Set(starts).size, 1, bars.join("\n"));
  });

  it("fits every width, marks the shortest span, and colours only when asked", () => {
    for (const width of [20, 60, 80, 200]) {
      const rows = traceLines(SPANS, { width, color: false }).filter((line) => / m?s /.test(`${line} `));
      assert.ok(rows.length >= 4);
      for (const row of rows) {
        assert.ok(textWidth(row) <= Math.max(width, 60), `${row} at ${width}`);
        assert.match(row, /━/);
      }
    }
    const red = traceLines(SPANS, { width: 80, color: true }).filter((line) => line.includes("\u001b[31m"));
    assert.deepEqual(red.length, 2, "the failed attempt and its message");
  });
});
