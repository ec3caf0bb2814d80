import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { BreakerObserver } from "./domain/breaker.js";
import { startedInTime } from "./domain/objective.js";
import { START_TARGET_MS } from "./domain/order.js";
import type { QueueObserver } from "./domain/queue.js";
import type { TaskStore } from "./domain/store.js";
import { CLASSES } from "./domain/task.js";

/** The queue's metrics. What waits, and for how long, is read when it is scraped; every replica shows the same. */
export function observeQueue(registry: Registry, store: Pick<TaskStore, "depths">): QueueObserver {
  const registers = [registry];
  const oldest = new Gauge({
    name: "ccsp_queue_oldest_age_seconds",
    help: "Age of the oldest task that waits for an executor, of those that ccsp_queue_waiting counts; 0 when none does",
    labelNames: ["engine", "class"],
    registers,
  });
  const waiting = new Gauge({
    name: "ccsp_queue_waiting",
    help: "Tasks that wait for an executor; of those that a label keeps back, and of those that wait for one executor, at most 2,000 of each shard",
    labelNames: ["engine", "class"],
    registers,
    async collect() {
      // A scrape while Redis is away shows the last values.
      const depths = await store.depths().catch(() => []);
      for (const { engine, class: priority, waiting: count, oldestAgeMs = 0 } of depths) {
        waiting.set({ engine, class: priority }, count);
        oldest.set({ engine, class: priority }, oldestAgeMs / 1000);
      }
    },
  });
  const wait = new Histogram({
    name: "ccsp_queue_wait_seconds",
    help: "From acceptance, or the start time that was asked for, to a lease, parking and earlier attempts included",
    labelNames: ["class"],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 900, 3600],
    registers,
  });
  const target = new Gauge({
    name: "ccsp_queue_start_target_seconds",
    help: "Within what time a task of the class is meant to get its first lease",
    labelNames: ["class"],
    registers,
  });
  for (const priority of CLASSES) target.set({ class: priority }, START_TARGET_MS[priority] / 1000);
  const firstLeases = new Counter({
    name: "ccsp_queue_first_leases_total",
    help: "Tasks that got their first lease, by whether that was within the start target of their class",
    labelNames: ["engine", "class", "in_time"],
    registers,
  });
  const ended = new Counter({
    name: "ccsp_queue_tasks_ended_total",
    help: "Tasks that ended, by the state in which they did",
    labelNames: ["state"],
    registers,
  });
  const expired = new Counter({
    name: "ccsp_queue_leases_expired_total",
    help: "Leases that nobody renewed",
    registers,
  });
  return {
    ended: (state) => ended.inc({ state }),
    leased(task) {
      const { engine, class: priority, created, since = created, leased = since } = task;
      wait.observe({ class: priority }, (leased - since) / 1000);
      const inTime = startedInTime(task);
      if (inTime !== undefined) firstLeases.inc({ engine, class: priority, in_time: String(inTime) });
    },
    leaseExpired: () => expired.inc(),
  };
}

/** What the breaker at the door refused at this replica. */
export function observeBreaker(registry: Registry): BreakerObserver {
  const refused = new Counter({
    name: "ccsp_queue_overloaded_total",
    help: "Tasks that were refused since this replica was overloaded",
    registers: [registry],
  });
  return { refused: () => refused.inc() };
}
