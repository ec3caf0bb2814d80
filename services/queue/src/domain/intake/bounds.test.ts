import assert from "node:assert/strict";
import { type Bounds, boundsOfShard, NO_BOUNDS, queueFull } from "./bounds.js";

const bounds: Bounds = {
  all: { tasks: 10, bytes: 1_000 },
  class: { ...NO_BOUNDS.class, low: { tasks: 5, bytes: 0 } },
  agent: { tasks: 3, bytes: 0 },
};

describe("the limits on waiting tasks", () => {
  it("are named with their setting when one is reached, with a time to retry", () => {
    for (const [bound, subject, description] of [
      [{ scope: "all", name: "", what: "bytes" }, "bytes waiting", "at most 1000 (CCSP_QUEUE_MAX_WAITING_BYTES)"],
      [
        { scope: "class", name: "low", what: "tasks" },
        "tasks of class low waiting",
        "at most 5 (CCSP_QUEUE_CLASS_MAX_WAITING)",
      ],
      [
        { scope: "agent", name: "a", what: "tasks" },
        "tasks of agent a waiting",
        "at most 3 (CCSP_QUEUE_AGENT_MAX_WAITING)",
      ],
    ] as const) {
      const { reason, quota, retryAfterMs = 0 } = queueFull(bounds, bound);
      assert.deepEqual([reason, quota], ["QUEUE_FULL", [{ subject, description }]]);
      assert.ok(retryAfterMs >= 1_000 && retryAfterMs < 3_000);
    }
  });

  it("are shared by the shards, except an agent's, which is in one shard", () => {
    const { all, class: of, agent } = boundsOfShard(bounds, 4);
    assert.deepEqual(
      [all, of.low, of.high, agent],
      [
        { tasks: 3, bytes: 250 },
        { tasks: 2, bytes: 0 },
        { tasks: 0, bytes: 0 },
        { tasks: 3, bytes: 0 },
      ],
    );
  });
});
