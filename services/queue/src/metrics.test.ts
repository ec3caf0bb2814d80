import assert from "node:assert/strict";
import { Registry } from "prom-client";
import type { Task } from "./domain/task.js";
import { observeQueue } from "./metrics.js";

describe("the queue's metrics", () => {
  it("show each class's start target, and the first leases within it and not", async () => {
    const registry = new Registry();
    const observer = observeQueue(registry, { depths: async () => [] });
    const task: Task = {
      ...{
        id: "0-x",
        agent: "a",
        engine: "e",
        class: "high",
        state: "LEASED",
        max: 3,
        created: 1_000,
        size: 1,
        spec: "",
      },
      leased: 2_000,
    };
    observer.leased(task);
    observer.leased({ ...task, attempt: 1 });
    observer.leased({ ...task, leased: 60_000 });
    const text = await registry.metrics();
    for (const line of [
      'ccsp_queue_start_target_seconds{class="urgent"} 1',
      'ccsp_queue_start_target_seconds{class="low"} 300',
      'ccsp_queue_first_leases_total{engine="e",class="high",in_time="true"} 1',
      'ccsp_queue_first_leases_total{engine="e",class="high",in_time="false"} 1',
      'ccsp_queue_wait_seconds_count{class="high"} 3',
    ]) {
      assert.ok(text.split("\n").includes(line), line);
    }
  });
});
