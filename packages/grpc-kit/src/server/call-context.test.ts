import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { Refusal } from "@ccsp/errors";
import { Metadata } from "@grpc/grpc-js";
import { CallerBounds } from "../bounds/caller-bounds.js";
import { type IncomingCall, OpenCall } from "./call-context.js";

describe("a call that is cancelled", () => {
  const MINUTE_MS = 60_000;

  for (const [when, leftMs, reason] of [
    ["when its deadline has passed", -1, "DEADLINE_EXCEEDED"],
    ["just before its deadline, since its caller counts from an earlier moment", 5, "DEADLINE_EXCEEDED"],
    ["well before its deadline", MINUTE_MS, "CALL_CANCELLED"],
    ["without a deadline", Number.POSITIVE_INFINITY, "CALL_CANCELLED"],
  ] as const) {
    it(`stops with ${reason} ${when}`, () => {
      const call = incoming(Date.now() + leftMs);
      const { signal } = new OpenCall(call, new CallerBounds());
      call.emit("cancelled");
      assert.ok(signal.reason instanceof Refusal);
      assert.equal(signal.reason.reason, reason);
    });
  }
});

/** A stand-in with the part of a grpc-js call that the code under test reads. */
function incoming(deadline: number): IncomingCall {
  const call = { metadata: new Metadata(), getDeadline: () => deadline, getPath: () => "/s/M", getPeer: () => "peer" };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a stand-in
  return Object.assign(new EventEmitter(), call) as unknown as IncomingCall;
}
