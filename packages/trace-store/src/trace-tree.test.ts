import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Span } from "./span.js";
import { type TraceNode, traceTree } from "./trace-tree.js";

const span = (spanId: string, parentSpanId: string): Span => ({
  name: spanId,
  traceId: "t",
  spanId,
  parentSpanId,
  service: "s",
  kind: "internal",
  startMs: 0,
  endMs: 1,
  attributes: {},
  links: [],
});

const idsIn = (nodes: readonly TraceNode[]): string[] =>
  nodes.flatMap(({ spans, children }) => [...spans.map(({ spanId }) => spanId), ...idsIn(children)]);

describe("traceTree", () => {
  it("has each span once, also when parents are missing or form circles", () => {
    const parents = fc.array(fc.integer({ min: -1, max: 20 }), { maxLength: 15 });
    fc.assert(
      fc.property(parents, (each) => {
        const spans = each.map((parent, index) => span(`s${index}`, parent < 0 ? "" : `s${parent}`));
        assert.deepEqual(idsIn(traceTree(spans)).sort(), spans.map(({ spanId }) => spanId).sort());
      }),
    );
  });
});
