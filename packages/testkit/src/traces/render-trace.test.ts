import assert from "node:assert/strict";
import type { Span } from "@ccsp/trace-store";
import { renderTrace } from "./render-trace.js";

const span = (spanId: string, parentSpanId: string, startMs: number, rest: Partial<Span> = {}): Span => ({
  name: spanId,
  traceId: "t",
  spanId,
  parentSpanId,
  service: "queue",
  kind: "internal",
  startMs,
  endMs: startMs + 5,
  attributes: {},
  links: [],
  ...rest,
});

describe("renderTrace", () => {
  it("draws children under their parents in the order in which they started", () => {
    const spans = [
      span("late", "root", 30),
      span("inner", "early", 12, { name: "ccsp.queue.v1.QueueService/Enqueue", endMs: 15 }),
      span("early", "root", 10, {
        name: "ccsp.gateway.v1.AgentService/RunTask",
        kind: "client",
        service: "agent",
      }),
      span("root", "", 0, { name: "ccsp.run", service: "agent", endMs: 812.4 }),
    ];
    assert.equal(
      renderTrace(spans),
      [
        "agent: ccsp.run 812 ms",
        "├─ agent → AgentService/RunTask 5.0 ms",
        "│  └─ queue: QueueService/Enqueue 3.0 ms",
        "└─ queue: late 5.0 ms",
      ].join("\n"),
    );
  });

  it("shows a span whose parent never arrived at the root, and an error at its span", () => {
    const text = renderTrace([span("root", "", 0), span("orphan", "gone", 1, { error: "deadline" })]);
    assert.equal(text, "queue: root 5.0 ms\nqueue: orphan 5.0 ms  ✗ deadline  (its parent is missing)");
  });

  it("counts neighbours of the same shape on one line", () => {
    const polls = [1, 2, 3].map((n) => span(`poll${n}`, "root", n, { name: "poll" }));
    assert.equal(renderTrace([span("root", "", 0), ...polls]), "queue: root 5.0 ms\n└─ queue: poll ×3, 15 ms in all");
  });

  it("is empty without spans, and ends on spans that are their own parents", () => {
    assert.equal(renderTrace([]), "");
    assert.equal(renderTrace([span("self", "self", 0)]), "queue: self 5.0 ms  (its parent is missing)");
  });
});
