import assert from "node:assert/strict";
import { Registry } from "prom-client";
import type { Task } from "./domain/task.js";
import { observeQueue } from "./metrics.js";

describe("the queue's metrics", () => {
  it("show each class's start target, the first leases within it and not, and how late the oldest is", async () => {
    const registry = new Registry();
    const place = { engine: "e", class: "low" } as const;
    const depths = async () => [{ ...place, waiting: 2, oldestAgeMs: 301_000, running: 0, parked: 0 }];
    const observer = observeQueue(registry, { depths });
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
    // What is read when one metric is scraped is shown by the next scrape at the latest.
    await registry.metrics();
    const text = await registry.metrics();
    for (const line of [
      'ccsp_queue_start_target_seconds{class="urgent"} 1',
      'ccsp_queue_start_target_seconds{class="low"} 300',
      'ccsp_queue_first_leases_total{engine="e",class="high",in_time="true"} 1',
      'ccsp_queue_first_leases_total{engine="e",class="high",in_time="false"} 1',
      'ccsp_queue_wait_seconds_count{class="high"} 3',
      'ccsp_queue_waiting{engine="e",class="low"} 2',
      'ccsp_queue_oldest_age_seconds{engine="e",class="low"} 301',
    ]) {
      assert.ok(text.split("\n").includes(line), line);
    }
  });
});
