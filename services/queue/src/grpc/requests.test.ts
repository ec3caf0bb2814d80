import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { ReportRequest } from "@ccsp/protos/ccsp/queue/v1/attempt.js";
import { TaskEvent } from "@ccsp/protos/ccsp/task/v1/task.js";
import { readReport } from "./requests.js";

describe("a Report", () => {
  it("is refused with an entry of the queue's own, also if a time in it is invalid", () => {
    const readyTime = new Date(Number.NaN); // what a timestamp out of range is decoded to
    const event = TaskEvent.fromPartial({ event: { $case: "stateChanged", value: { readyTime } } });
    assert.throws(
      () => readReport({ ...ReportRequest.fromPartial({ taskId: "0-x", reportSequence: 1 }), events: [event] }),
      (error) => error instanceof Refusal && error.reason === "INVALID_FIELD" && /events\[0\]/.test(error.message),
    );
  });
});
