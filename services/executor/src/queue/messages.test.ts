import assert from "node:assert/strict";
import { runFailure, type ErrorCategory as Word } from "@ccsp/engine-kit";
import { ErrorCategory, ErrorSource, TaskError, TaskEvent } from "@ccsp/protos/ccsp/task/v1/task.js";
import { toTaskError, toTaskEvent } from "./messages.js";

describe("a failure from an engine plugin", () => {
  it("goes to the queue as UNKNOWN_ERROR when its category is not in the contract", () => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a plugin in JavaScript
    const category = "OUT_OF_LUCK" as Word;
    const failure = { ...runFailure("RATE_LIMIT", "m"), category, source: "NEIGHBOUR" as "ENGINE" };
    const error = TaskError.decode(TaskError.encode(toTaskError(failure)).finish());
    assert.deepEqual([error.category, error.source], [ErrorCategory.UNKNOWN_ERROR, ErrorSource.UNSPECIFIED]);
    const { event } = TaskEvent.decode(
      TaskEvent.encode(toTaskEvent({ type: "notice", category, message: "m" })).finish(),
    );
    assert.deepEqual(event?.value, { category: ErrorCategory.UNKNOWN_ERROR, message: "m" });
  });
});
