import assert from "node:assert/strict";
import type { Task } from "../routes.js";
import { activityOf } from "./activity.js";

const NOW = Date.parse("2026-11-29T14:00:00Z");
const minutes = (count: number): string => new Date(NOW + count * 60_000).toISOString();
const task = (change: Partial<Task>): Task => ({
  id: "t",
  agentId: "a",
  state: "SUCCEEDED",
  attempt: 1,
  traceId: "",
  promptSnippet: "",
  ...change,
});

describe("The last hour, counted from the times of tasks", () => {
  it("has a task as waiting until it starts, as running until it ends, and then no more", () => {
    const { times, running, waiting } = activityOf(
      [task({ createTime: minutes(-10), startTime: minutes(-6), endTime: minutes(-2) })],
      NOW,
    );
    assert.equal(times.length, 61);
    assert.deepEqual(waiting.slice(49), [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert.deepEqual(running.slice(49), [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0]);
  });

  it("has a task that waits for a time as held back, and not as waiting", () => {
    const { waiting, heldBack } = activityOf([task({ state: "SCHEDULED", createTime: minutes(-1) })], NOW);
    assert.deepEqual([waiting.at(-1), heldBack.at(-1), heldBack.at(-4)], [0, 1, 0]);
  });
});
