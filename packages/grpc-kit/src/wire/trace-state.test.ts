import assert from "node:assert/strict";
import { Metadata } from "@grpc/grpc-js";
import { HEADERS } from "./call-span.js";
import { boundTraceState } from "./trace-state.js";

const members = (count: number, length: number) =>
  Array.from({ length: count }, (_, i) => `k${i}=`.padEnd(length, "v"));

describe("a caller's tracestate", () => {
  it("is unchanged within W3C's bounds", () => {
    assert.equal(boundTraceState("a=1,b=2"), "a=1,b=2");
    const full = members(4, 127).join(",");
    assert.equal(boundTraceState(full), full);
    assert.equal(boundTraceState(`a=${"v".repeat(400)}`), `a=${"v".repeat(400)}`);
  });

  it("loses members beyond 32, then its long ones, then its last ones", () => {
    assert.equal(boundTraceState(members(33, 5).join(",")), members(32, 5).join(","));
    assert.equal(boundTraceState(`a=1,b=${"v".repeat(600)},c=3`), "a=1,c=3");
    assert.equal(boundTraceState(members(5, 120).join(" , ")), members(4, 120).join(","));
    assert.equal(boundTraceState("v".repeat(60_000)), "");
  });

  it("is bounded before OpenTelemetry keeps it with a span", () => {
    const headers = new Metadata();
    headers.set("tracestate", `a=1,b=${"v".repeat(15_000)}`);
    assert.deepEqual(HEADERS.get(headers, "tracestate"), ["a=1"]);
    headers.set("traceparent", "x");
    assert.deepEqual(HEADERS.get(headers, "traceparent"), ["x"]);
  });
});
