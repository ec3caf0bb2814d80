import assert from "node:assert/strict";
import {
  ErrorCategory,
  StateChanged,
  TaskEnded,
  TaskError,
  TaskEvent,
  TaskState,
} from "@ccsp/protos/ccsp/task/v1/task.js";
import { toRunEvent } from "./run-event.js";
import { toTaskEvent } from "./task-event.js";

const entry = (event: TaskEvent["event"]) => {
  const made = toRunEvent(toTaskEvent({ sequence: 7, attempt: 2, time: new Date(0), event }));
  if (made) assert.equal(Object.keys(made)[0], "type", "the JSON of each event begins with its type");
  return made;
};
const moved = (state: TaskState, more: Partial<StateChanged> = {}) =>
  entry({ $case: "stateChanged", value: { ...StateChanged.fromPartial({ state }), ...more } });

describe("toRunEvent", () => {
  it("reports the start of an attempt, its text, its tools, its usage and its troubles", () => {
    assert.deepEqual(moved(TaskState.RUNNING), { type: "started", sequence: 7, attempt: 2 });
    assert.deepEqual(entry({ $case: "textDelta", value: { text: "hi", message: 3 } }), {
      type: "text",
      sequence: 7,
      attempt: 2,
      message: 3,
      text: "hi",
    });
    assert.deepEqual(entry({ $case: "textTakenBack", value: { message: 3 } }), {
      type: "taken-back",
      sequence: 7,
      attempt: 2,
      message: 3,
    });
    assert.deepEqual(entry({ $case: "toolUse", value: { name: "Bash" } }), {
      type: "tool",
      sequence: 7,
      attempt: 2,
      name: "Bash",
    });
    const usage = { inputTokens: 1n, outputTokens: 2n, cacheReadTokens: 3n, cacheCreationTokens: 4n };
    const soFar = { usage, costUsd: undefined, turns: 2, toolUses: 1, model: "m" };
    assert.deepEqual(entry({ $case: "usageSoFar", value: soFar }), {
      type: "usage",
      sequence: 7,
      attempt: 2,
      ...soFar,
      usage: { inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheCreationTokens: 4 },
    });
    const notice = { category: ErrorCategory.OVERLOADED, message: "529" };
    assert.deepEqual(entry({ $case: "engineNotice", value: notice }), {
      type: "notice",
      sequence: 7,
      category: "OVERLOADED",
      message: "529",
    });
  });

  it("gives no event for the normal course of waiting", () => {
    assert.equal(moved(TaskState.QUEUED), undefined);
    assert.equal(moved(TaskState.LEASED), undefined);
  });

  it("reports why and until when a task waits again", () => {
    const until = new Date(0);
    const error = TaskError.fromPartial({ category: ErrorCategory.USAGE_WINDOW, message: "window closed" });
    assert.deepEqual(moved(TaskState.PARKED, { readyTime: until, error }), {
      type: "waiting",
      sequence: 7,
      reason: "window closed",
      until,
      error: {
        category: "USAGE_WINDOW",
        message: "window closed",
        retryable: false,
        source: "UNKNOWN",
        retryAfterMs: undefined,
      },
    });
    assert.deepEqual(moved(TaskState.QUEUED, { reason: "lease lost" }), {
      type: "waiting",
      sequence: 7,
      reason: "lease lost",
      until: undefined,
      error: undefined,
    });
  });

  it("reports an accepted cancel, and each end by its name", () => {
    assert.deepEqual(moved(TaskState.CANCELLING, { reason: "enough" }), {
      type: "cancelling",
      sequence: 7,
      reason: "enough",
    });
    for (const state of ["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"] as const) {
      const ended = entry({ $case: "taskEnded", value: TaskEnded.fromPartial({ state: TaskState[state] }) });
      assert.deepEqual(ended, { type: "ended", sequence: 7, state, result: undefined, error: undefined });
    }
  });

  it("skips entries of a kind that it does not know", () => {
    assert.equal(entry(undefined), undefined);
  });
});
