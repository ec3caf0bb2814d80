import assert from "node:assert/strict";
import type { Task } from "../domain/task/task.js";
import { waitedFor } from "./waited-for.js";

const STARTED = 10_000;
const told = (more: Partial<Task>) =>
  waitedFor({ agent: "a", engine: "e", class: "normal", state: "LEASED", leased: STARTED, ...more } as Task, STARTED);

describe("what a task waited for", () => {
  it("is nothing when it was leased at once", () => assert.deepEqual(told({ leased: STARTED + 50 }), []));

  it("is its turn, unless the record says more", () => {
    assert.deepEqual(told({ leased: STARTED + 500 }), ["TURN"]);
    assert.deepEqual(told({ since: STARTED + 400, leased: STARTED + 400 }), ["START_TIME"]);
    assert.deepEqual(told({ returned: STARTED, ready: STARTED + 400, leased: STARTED + 450 }), ["PARKED"]);
    assert.deepEqual(told({ pin: "ex-1" }), ["AFFINITY"]);
  });

  it("is what its labels met during this wait, in the order of explain, and nothing of the wait before", () => {
    const leased = STARTED + 900;
    assert.deepEqual(told({ leased, deferred: { CAP: STARTED + 300, GATE: STARTED } }), ["GATE", "CAP", "TURN"]);
    assert.deepEqual(told({ leased, deferred: { BUDGET_EXHAUSTED: STARTED + 1 } }), ["BUDGET_EXHAUSTED", "TURN"]);
    assert.deepEqual(told({ leased, deferred: { CAP: STARTED - 1 } }), ["TURN"]);
  });
});
