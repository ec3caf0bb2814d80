import assert from "node:assert/strict";
import { context, INVALID_SPAN_CONTEXT, trace } from "@opentelemetry/api";
import {
  contextFromTraceparent,
  currentTraceparent,
  readTraceparent,
  traceIdOf,
  traceparentOf,
} from "./trace-context.js";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

describe("a traceparent", () => {
  it("becomes a context that continues its trace", () => {
    const span = trace.getSpanContext(contextFromTraceparent(TRACEPARENT));
    assert.deepEqual(span, { traceId: TRACE, spanId: "00f067aa0ba902b7", traceFlags: 1, isRemote: true });
  });

  it("is made of a span", () => {
    assert.equal(traceparentOf(trace.getSpanContext(contextFromTraceparent(TRACEPARENT))), TRACEPARENT);
    assert.equal(traceparentOf(INVALID_SPAN_CONTEXT), "");
  });

  it("holds the trace id", () => {
    assert.equal(traceIdOf(TRACEPARENT), TRACE);
  });

  it("is empty where no span is active", () => {
    assert.equal(currentTraceparent(), "");
  });

  it("may be of a later version, with more fields", () => {
    const later = `01-${TRACE}-00f067aa0ba902b7-01-more`;
    assert.equal(traceIdOf(later), TRACE);
    assert.equal(readTraceparent(later), TRACEPARENT, "it is passed on in the version that we know");
  });

  it("is ignored when it is malformed", () => {
    const malformed = [
      "",
      "nonsense",
      TRACEPARENT.toUpperCase(),
      `${TRACEPARENT}-more`,
      `ff-${TRACE}-00f067aa0ba902b7-01`,
      `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
      `00-${TRACE}-${"0".repeat(16)}-01`,
      ` ${TRACEPARENT}`,
    ];
    for (const traceparent of malformed) {
      assert.equal(traceIdOf(traceparent), "", traceparent);
      assert.equal(readTraceparent(traceparent), "", traceparent);
      assert.equal(trace.getSpan(contextFromTraceparent(traceparent)), undefined);
    }
  });

  it("does not take over the span that is active where the context is made", () => {
    const key = Symbol("key");
    const made = context.with(context.active().setValue(key, 1), () => contextFromTraceparent(TRACEPARENT));
    assert.equal(made.getValue(key), undefined);
  });
});
