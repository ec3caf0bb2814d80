import assert from "node:assert/strict";
import type { QueueStatus } from "../routes.js";
import { activityOf, type QueueMinute } from "./activity.js";

const NOW = Date.parse("2026-11-29T14:00:30Z");
const minute = (ago: number, running: number, waiting: number, parked: number): QueueMinute => ({
  time: new Date(Date.parse("2026-11-29T14:00:00Z") - ago * 60_000).toISOString(),
  running,
  waiting,
  parked,
});

const queueStatus = (change: Partial<QueueStatus>): QueueStatus => ({
  depths: [],
  leased: 0,
  parked: 0,
  ended: 0,
  engines: [],
  executors: [],
  maxPromptBytes: 1,
  scheduled: 0,
  gates: [],
  agents: [],
  waitingBytes: 0,
  waiting: 0,
  caps: [],
  ...change,
});

describe("The last hour, as the queue counted it", () => {
  it("has each minute that the queue counted and then now, with what waits for a retry held back and not running", () => {
    const minutes = [minute(2, 3, 5_000, 1), minute(1, 2, 4_000, 7)];
    const queue = queueStatus({ leased: 1, waiting: 3_500, parked: 4, scheduled: 2 });
    const { times, running, waiting, heldBack } = activityOf(minutes, queue, NOW);
    assert.deepEqual(times.slice(-3), [NOW - 150_000, NOW - 90_000, NOW], "the minute that began is on its way");
    assert.deepEqual(running.slice(-3), [3, 2, 1]);
    assert.deepEqual(waiting.slice(-3), [5_000, 4_000, 3_500]);
    assert.deepEqual(heldBack.slice(-3), [1, 7, 6]);
  });

  it("does not say that nothing ran in a minute that nobody counted", () => {
    const { times, running } = activityOf([minute(4, 3, 0, 0), minute(0, 2, 0, 0)], queueStatus({}), NOW);
    assert.equal(times.length, 61);
    assert.deepEqual(running.slice(-6), [3, undefined, undefined, undefined, 2, 0]);
  });
});
