import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Span } from "./span.js";
import { createTraceBuffer } from "./trace-buffer.js";

const span = (traceId: string, spanId: string, attributes: Span["attributes"] = {}): Span => ({
  name: "work",
  traceId,
  spanId,
  parentSpanId: "",
  service: "queue",
  kind: "internal",
  startMs: 1,
  endMs: 2,
  attributes,
  links: [],
});

const BOUNDS = { traces: 4, spansPerTrace: 6, bytes: 4_000, bytesPerSpan: 1_000 };

/** Any order of spans of a few traces, small and large. */
const ARRIVALS = fc.array(
  fc.record({ trace: fc.integer({ min: 0, max: 12 }), size: fc.integer({ max: 1_500, min: 0 }) }),
  {
    maxLength: 80,
  },
);

describe("createTraceBuffer", () => {
  it("stays within its bounds, whatever arrives, and keeps the last span that is not too large", () => {
    fc.assert(
      fc.property(ARRIVALS, fc.integer({ min: 0, max: 12 }), (arrivals, wanted) => {
        const buffer = createTraceBuffer({ bounds: BOUNDS, isWanted: ({ traceId }) => traceId === `t${wanted}` });
        arrivals.forEach(({ trace, size }, index) => {
          const added = span(`t${trace}`, `s${index}`, { text: "x".repeat(size) });
          buffer.add([added]);
          const { traces, bytes } = buffer.counts();
          assert.ok(traces <= BOUNDS.traces, `${traces} traces`);
          assert.ok(bytes <= BOUNDS.bytes, `${bytes} bytes`);
          const kept = buffer.find(added.traceId);
          assert.ok((kept?.spans.length ?? 0) <= BOUNDS.spansPerTrace);
          const isLarge = JSON.stringify(added).length > BOUNDS.bytesPerSpan;
          if (isLarge) assert.ok(!kept?.spans.some(({ spanId }) => spanId === added.spanId));
          else if (kept) assert.deepEqual(kept.spans.at(-1), added);
        });
        const stored = Array.from({ length: 13 }, (_, trace) => buffer.find(`t${trace}`)?.spans ?? []).flat();
        const size = stored.reduce((sum, each) => sum + JSON.stringify(each).length + 150, 0);
        assert.equal(buffer.counts().bytes, size, "what was dropped is not counted any more");
      }),
      { numRuns: 300 },
    );
  });

  it("drops the oldest trace first, and counts it", () => {
    const buffer = createTraceBuffer({ bounds: BOUNDS });
    for (let trace = 0; trace < 7; trace += 1) buffer.add([span(`t${trace}`, "a"), span(`t${trace}`, "b")]);
    const kept = Array.from({ length: 7 }, (_, trace) => buffer.find(`t${trace}`) !== undefined);
    assert.deepEqual(kept, [false, false, false, true, true, true, true]);
    assert.equal(buffer.counts().droppedTraces, 3);
  });

  it("drops a wanted trace only when no other is left, also if it became wanted late", () => {
    const buffer = createTraceBuffer({ bounds: BOUNDS, isWanted: ({ spanId }) => spanId === "wanted" });
    buffer.add([span("task", "early"), span("list", "a"), span("task", "wanted")]);
    for (let trace = 0; trace < 20; trace += 1) buffer.add([span(`t${trace}`, "a")]);
    assert.deepEqual(
      buffer.find("task")?.spans.map(({ spanId }) => spanId),
      ["early", "wanted"],
    );
    for (let trace = 0; trace < 4; trace += 1) buffer.add([span(`w${trace}`, "wanted")]);
    assert.equal(buffer.find("task"), undefined);
    assert.ok(buffer.find("w0"));
  });

  it("neither counts nor waits for the trace that it drops at once, because all others are wanted", () => {
    const buffer = createTraceBuffer({ bounds: BOUNDS, isWanted: ({ spanId }) => spanId === "wanted" });
    for (let trace = 0; trace < 4; trace += 1) buffer.add([span(`w${trace}`, "wanted")]);
    const { bytes } = buffer.counts();
    for (let trace = 0; trace < 30; trace += 1) buffer.add([span(`t${trace}`, "a")]);
    assert.deepEqual(buffer.counts(), { traces: 4, bytes, droppedTraces: 30, droppedSpans: 0 });
  });

  it("keeps the beginning of a task while it is full of older tasks and calls of others come between", () => {
    const bounds = { ...BOUNDS, traces: 20, bytes: 100_000 };
    const buffer = createTraceBuffer({ bounds, isWanted: ({ spanId }) => spanId === "wanted" });
    for (let trace = 0; trace < 40; trace += 1) buffer.add([span(`w${trace}`, "wanted")]);
    buffer.add([span("list", "a"), span("task", "early"), span("status", "a"), span("task", "wanted")]);
    assert.equal(buffer.find("task")?.spans.length, 2);
    for (let trace = 0; trace < 40; trace += 1) buffer.add([span(`t${trace}`, "a")]);
    assert.equal(buffer.find("task")?.spans.length, 2);
    assert.equal(buffer.counts().traces, 20);
  });

  it("keeps the first and the last spans of a trace that is too long", () => {
    const buffer = createTraceBuffer({ bounds: BOUNDS });
    for (let each = 0; each < 20; each += 1) buffer.add([span("long", `s${each}`)]);
    const { spans, droppedSpans } = buffer.find("long") ?? { spans: [], droppedSpans: 0 };
    assert.deepEqual(
      spans.map(({ spanId }) => spanId),
      ["s0", "s1", "s2", "s17", "s18", "s19"],
    );
    assert.equal(droppedSpans, 14);
    assert.equal(buffer.counts().droppedSpans, 14);
  });
});
