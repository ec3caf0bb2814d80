import assert from "node:assert/strict";
import type { Task } from "../task/task.js";
import { startedInTime } from "./objective.js";

describe("the start objective", () => {
  const leased = (afterMs: number, more: Partial<Task> = {}): Task => ({
    id: "0-x",
    agent: "a",
    engine: "e",
    class: "high",
    state: "LEASED",
    max: 3,
    created: 1_000,
    size: 1,
    spec: "",
    leased: (more.since ?? 1_000) + afterMs,
    ...more,
  });

  it("is met by a first lease within the target of the class", () => {
    assert.equal(startedInTime(leased(5_000)), true);
    assert.equal(startedInTime(leased(5_001)), false);
    assert.equal(startedInTime(leased(5_001, { class: "normal" })), true);
    assert.equal(startedInTime(leased(1_001, { class: "urgent" })), false);
  });

  it("counts from the requested start time", () => {
    assert.equal(startedInTime(leased(4_000, { since: 3_600_000 })), true);
    assert.equal(startedInTime(leased(6_000, { since: 3_600_000 })), false);
  });

  it("ignores later leases: after a run, a lost lease, or a released one", () => {
    for (const more of [{ attempt: 1 }, { deliveries: 1 }, { settled: "7 release" }]) {
      assert.equal(startedInTime(leased(1, more)), undefined);
    }
  });
});
