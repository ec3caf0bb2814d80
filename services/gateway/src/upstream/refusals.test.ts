import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { CallError } from "@ccsp/grpc-kit";
import { status } from "@grpc/grpc-js";
import { passOn } from "./refusals.js";

describe("the refusal for a queue that does not answer", () => {
  const told = (message: string, details?: Partial<ConstructorParameters<typeof CallError>[2]>) => {
    const none = { metadata: {}, fields: [], quota: [], preconditions: [], reason: undefined, retryAfterMs: undefined };
    const method = "/ccsp.queue.v1.QueueService/Enqueue";
    const refusal = passOn(new CallError(status.UNAVAILABLE, message, { ...none, ...details }, { method }));
    assert.ok(refusal instanceof Refusal);
    const { reason, metadata, retryAfterMs } = refusal;
    return { reason, message: refusal.message, dependency: metadata["dependency"], retryAfterMs };
  };
  const reason = "DEPENDENCY_UNAVAILABLE" as const;

  it("names the dependency that the queue itself names, with the queue's message", () => {
    const details = { reason, metadata: { dependency: "redis" }, retryAfterMs: 1_000 };
    const named = { reason, message: "Redis does not answer", dependency: "redis", retryAfterMs: 1_000 };
    assert.deepEqual(told("Redis does not answer", details), named);
  });

  it("names the queue, but not its address, when no replica was reached", () => {
    const unnamed = { reason, message: "the queue does not answer; call again", dependency: "queue" };
    assert.deepEqual(told("Enqueue at 10.0.0.7:3001: no connection"), { ...unnamed, retryAfterMs: undefined });
  });
});
