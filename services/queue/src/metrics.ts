import { CATEGORY_NAMES, REASONS, Refusal } from "@ccsp/errors";
import { declareCounter, declareTracedHistogram } from "@ccsp/metrics";
import type { ClassStarts } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { spanOfTraceparent } from "@ccsp/telemetry";
import { Counter, type Registry } from "prom-client";
import type { SubmissionObserver } from "./application/submissions.js";
import type { BreakerObserver } from "./domain/intake/breaker.js";
import type { QueueObserver } from "./domain/lifecycle/observer.js";
import { startedInTime } from "./domain/order/objective.js";
import { CLASSES } from "./domain/task/task.js";

const ACCEPTED = declareCounter({
  name: "ccsp_queue_tasks_accepted_total",
  help: "Tasks that were stored",
  labels: { engine: "engines that executors offer", class: CLASSES },
});

const WAIT = declareTracedHistogram({
  name: "ccsp_queue_wait_seconds",
  help: "Time from acceptance, or from the requested start time, to a lease; includes parking and earlier attempts",
  labels: { class: CLASSES },
  buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 900, 3600],
});

const FIRST_LEASES = "ccsp_queue_first_leases_total";
const FIRST = declareCounter({
  name: FIRST_LEASES,
  help: "Tasks that got their first lease, by whether they met the start target of their class",
  labels: { engine: "engines that executors offer", class: CLASSES, in_time: ["true", "false"] },
});

const FAILURES = declareCounter({
  name: "ccsp_queue_failures_total",
  help: "Runs that failed or were lost, by what it was of and whether the task is tried again",
  labels: { category: CATEGORY_NAMES, retried: ["true", "false"] },
});

const ENDED = declareCounter({
  name: "ccsp_queue_tasks_ended_total",
  help: "Tasks that ended, by the state in which they did",
  labels: { state: ["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"] },
});

const EXPIRED = declareCounter({
  name: "ccsp_queue_leases_expired_total",
  help: "Leases that expired because no executor renewed them",
});

const DELIVERIES = declareCounter({
  name: "ccsp_queue_deliveries_lost_total",
  help: "Leases that were lost, or whose engine crashed, before their run had started",
});

const OVERLOADED = declareCounter({
  name: "ccsp_queue_overloaded_total",
  help: "Tasks that were refused because this replica was overloaded",
});

const REFUSED = declareCounter({
  name: "ccsp_queue_tasks_refused_total",
  help: "Tasks that were not stored, by the reason that the caller got",
  labels: { reason: REASONS },
});

/** Counts what this replica changed. */
export function observeQueue(registry: Registry): QueueObserver {
  const accepted = ACCEPTED(registry);
  const observeWait = WAIT(registry);
  const firstLeases = FIRST(registry);
  const failures = FAILURES(registry);
  const ended = ENDED(registry);
  const expired = EXPIRED(registry);
  const deliveries = DELIVERIES(registry);
  return {
    accepted: ({ engine, class: priority }) => accepted.inc({ engine, class: priority }),
    ended: (state) => ended.inc({ state }),
    failed: (category, retried) => failures.inc({ category, retried: String(retried) }),
    leased(task) {
      const { engine, class: priority, created, since = created, leased = since } = task;
      observeWait({ class: priority }, (leased - since) / 1000, spanOfTraceparent(task.trace ?? ""));
      const inTime = startedInTime(task);
      if (inTime !== undefined) firstLeases.inc({ engine, class: priority, in_time: String(inTime) });
    },
    leaseExpired: () => expired.inc(),
    deliveryLost: () => deliveries.inc(),
  };
}

/** The first leases that this replica gave, by class, since its start. */
export async function readStarts(registry: Registry): Promise<readonly ClassStarts[]> {
  const metric = registry.getSingleMetric(FIRST_LEASES);
  const values = metric instanceof Counter ? (await metric.get()).values : [];
  const count = (priority: string, inTime: boolean): bigint =>
    values.reduce((sum, { labels, value }) => {
      const counts = labels["class"] === priority && labels["in_time"] === String(inTime);
      return counts ? sum + BigInt(value) : sum;
    }, 0n);
  const classes = new Set(values.map(({ labels }) => String(labels["class"])));
  return [...classes].map((priority) => ({
    class: priority,
    inTime: count(priority, true),
    late: count(priority, false),
  }));
}

/** Counts the tasks that the breaker refused at this replica. */
export function observeBreaker(registry: Registry): BreakerObserver {
  const refused = OVERLOADED(registry);
  return { refused: () => refused.inc() };
}

/** Counts the refused tasks: each task of a batch, and each try of a schedule. */
export function observeSubmissions(registry: Registry): SubmissionObserver {
  const refused = REFUSED(registry);
  return { refused: (fault) => refused.inc({ reason: fault instanceof Refusal ? fault.reason : "INTERNAL" }) };
}
