import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { status } from "@grpc/grpc-js";
import { pino } from "pino";
import { CallError } from "../wire/call-error.js";
import { NO_DETAILS } from "../wire/status-details.js";
import { refusalFor } from "./failures.js";

function answer(error: unknown, signal = new AbortController().signal) {
  const logged: string[] = [];
  const log = pino({ level: "error" }, { write: (line: string) => void logged.push(line) });
  const context = { signal, method: "/a.B/C" };
  const { reason, message } = refusalFor(error, context, log);
  return { reason, message, logged: logged.length };
}

describe("the answer to a call whose handler threw", () => {
  it("is the abort's once the call was aborted, whatever the handler threw after it", () => {
    const aborted = AbortSignal.abort(new Refusal("SHUTTING_DOWN", "stopping"));
    assert.deepEqual(answer(new Error("This operation was aborted"), aborted), {
      reason: "SHUTTING_DOWN",
      message: "stopping",
      logged: 0,
    });
  });

  it("keeps the reason of a refusal of a called service, and reports an unreachable service as a dependency", () => {
    const lost = new CallError(status.FAILED_PRECONDITION, "gone", { ...NO_DETAILS, reason: "LEASE_LOST" });
    assert.deepEqual(answer(lost), { reason: "LEASE_LOST", message: "gone", logged: 0 });
    for (const code of [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED]) {
      assert.equal(answer(new CallError(code, "queue is away")).reason, "DEPENDENCY_UNAVAILABLE");
    }
  });

  it("names the unreachable service behind the called one, when the error names it", () => {
    const details = { ...NO_DETAILS, reason: "DEPENDENCY_UNAVAILABLE", metadata: { dependency: "redis" } } as const;
    const context = { signal: new AbortController().signal } as Parameters<typeof refusalFor>[1];
    const refusal = refusalFor(new CallError(status.UNAVAILABLE, "Redis does not answer", details), context, pino());
    assert.deepEqual(
      [refusal.reason, refusal.message, refusal.metadata],
      ["DEPENDENCY_UNAVAILABLE", "Redis does not answer", { dependency: "redis" }],
    );
  });

  it("stays OVERLOADED when a called service said so", () => {
    const full = new CallError(status.UNAVAILABLE, "too much", { ...NO_DETAILS, reason: "OVERLOADED" });
    assert.deepEqual(answer(full), { reason: "OVERLOADED", message: "too much", logged: 0 });
    const stopping = new CallError(status.UNAVAILABLE, "stopping", { ...NO_DETAILS, reason: "SHUTTING_DOWN" });
    assert.equal(answer(stopping).reason, "DEPENDENCY_UNAVAILABLE");
  });

  it("is INTERNAL, and logged, for bugs here, bugs in called services and statuses that no CCSP server sends", () => {
    for (const bug of [
      new TypeError("x is undefined"),
      new CallError(status.INTERNAL, "internal error"),
      new CallError(status.UNIMPLEMENTED, "no such method"),
      "a string",
    ]) {
      assert.deepEqual(answer(bug), { reason: "INTERNAL", message: "internal error", logged: 1 });
    }
  });
});
