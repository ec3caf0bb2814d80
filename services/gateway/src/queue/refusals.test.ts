import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { CallError } from "@ccsp/grpc-kit";
import { status } from "@grpc/grpc-js";
import { passOn } from "./refusals.js";

describe("what an agent is told of a queue that does not answer", () => {
  const told = (message: string, details?: Partial<ConstructorParameters<typeof CallError>[2]>) => {
    const none = { metadata: {}, fields: [], quota: [], preconditions: [], reason: undefined, retryAfterMs: undefined };
    const refusal = passOn(new CallError(status.UNAVAILABLE, message, { ...none, ...details }));
    assert.ok(refusal instanceof Refusal);
    const { reason, metadata, retryAfterMs } = refusal;
    return { reason, message: refusal.message, dependency: metadata["dependency"], retryAfterMs };
  };
  const reason = "DEPENDENCY_UNAVAILABLE" as const;

  it("names what the queue itself waits for, with its words", () => {
    const details = { reason, metadata: { dependency: "redis" }, retryAfterMs: 1_000 };
    const named = { reason, message: "Redis does not answer", dependency: "redis", retryAfterMs: 1_000 };
    assert.deepEqual(told("Redis does not answer", details), named);
  });

  it("names the queue where nobody was reached, and not its address", () => {
    const unnamed = { reason, message: "the queue does not answer; call again", dependency: "queue" };
    assert.deepEqual(told("Enqueue at 10.0.0.7:3001: no connection"), { ...unnamed, retryAfterMs: undefined });
  });
});
