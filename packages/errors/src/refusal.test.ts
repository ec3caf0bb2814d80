import assert from "node:assert/strict";
import { invalidFields, Refusal } from "./refusal.js";

describe("a refusal", () => {
  it("is an error with its reason, and has only the fields that were given", () => {
    const refusal = new Refusal("TASK_NOT_FOUND", "no such task");
    assert.ok(refusal instanceof Error);
    assert.equal(refusal.message, "no such task");
    assert.equal(refusal.reason, "TASK_NOT_FOUND");
    assert.deepEqual(refusal.metadata, {});
    assert.deepEqual(refusal.fields, []);
    assert.deepEqual(refusal.quota, []);
    assert.equal(refusal.retryAfterMs, undefined);
    assert.ok(!("cause" in refusal));
  });

  it("keeps its cause for the log", () => {
    const cause = new Error("connection refused");
    assert.equal(new Refusal("DEPENDENCY_UNAVAILABLE", "Redis does not answer", { cause }).cause, cause);
  });

  it("names every wrong field in its message and in its details", () => {
    const fields = [
      { field: "spec.prompt", description: "is empty" },
      { field: "spec.limits.turns", description: "is negative" },
    ];
    const refusal = invalidFields(fields);
    assert.equal(refusal.reason, "INVALID_FIELD");
    assert.equal(refusal.message, "spec.prompt is empty; spec.limits.turns is negative");
    assert.deepEqual(refusal.fields, fields);
  });
});
