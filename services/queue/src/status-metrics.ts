import { declareGauge } from "@ccsp/metrics";
import type { Registry } from "prom-client";
import { EMERGENCY_LEVELS } from "./domain/emergency/emergency.js";
import type { EmergencyStore } from "./domain/emergency/emergency-store.js";
import { type ExecutorStore, PRESENT_MS } from "./domain/executors/executor-store.js";
import type { GateReads } from "./domain/gates/gate-store.js";
import { isClosed } from "./domain/gates/gates.js";
import { readScope, type Scope } from "./domain/gates/scope.js";
import { START_TARGET_MS } from "./domain/order/order.js";
import type { StatusStore } from "./domain/status/status-store.js";
import type { Clock } from "./domain/task/clock.js";
import { CLASSES } from "./domain/task/task.js";

export type MeasuredStore = Pick<StatusStore, "depths" | "counts"> &
  ExecutorStore &
  GateReads &
  Pick<EmergencyStore, "emergency"> &
  Clock;

/**
 * The kinds of scope that the gauge of closed gates shows. The emergency stop has a gauge of its own, for its level.
 */
const GATED = [
  "all",
  "class",
  "engine",
  "account",
  "executor",
  "agent",
  "label",
  "budget",
] as const satisfies Scope["kind"][];

/** The engines of tasks are those that executors offer, and so they are few. */
const ENGINES = "engines that executors offer";

const WAITING = declareGauge({
  name: "ccsp_queue_waiting",
  help: "Tasks that wait for an executor; counts at most 2,000 of those in each shard that a label, a model or an affinity defers",
  labels: { engine: ENGINES, class: CLASSES },
});
const OLDEST = declareGauge({
  name: "ccsp_queue_oldest_age_seconds",
  help: "Age of the oldest task that waits for an executor; 0 when none does",
  labels: { engine: ENGINES, class: CLASSES },
});
const RUNNING = declareGauge({
  name: "ccsp_queue_running",
  help: "Tasks that executors hold",
  labels: { engine: ENGINES, class: CLASSES },
});
const PARKED = declareGauge({ name: "ccsp_queue_parked", help: "Tasks that wait to be tried again" });
const SCHEDULED = declareGauge({ name: "ccsp_queue_scheduled", help: "Tasks that wait for their start time" });
const ENDED = declareGauge({ name: "ccsp_queue_ended", help: "Ended tasks that are still kept" });
const BYTES = declareGauge({
  name: "ccsp_queue_waiting_bytes",
  help: "Bytes of tasks that wait, are parked or scheduled",
});
const EXECUTORS = declareGauge({
  name: "ccsp_queue_executors",
  help: "Executors that called recently, by whether they take work",
  labels: { draining: ["true", "false"] },
});
const SLOTS = declareGauge({
  name: "ccsp_queue_slots",
  help: "Slots of executors that take work",
  labels: { engine: ENGINES },
});
const GATES = declareGauge({
  name: "ccsp_queue_gates_closed",
  help: "Closed gates, by what they stop",
  labels: { scope: GATED },
});
const EMERGENCY = declareGauge({
  name: "ccsp_queue_emergency_level",
  help: "Level of the emergency stop in force, from 1; 0: there is none",
});
const HOLDS = declareGauge({
  name: "ccsp_queue_budget_state_age_seconds",
  help: "Time since the monitor said last which budgets are used up; 0: it never has",
});
const START_TARGET = declareGauge({
  name: "ccsp_queue_start_target_seconds",
  help: "Time within which a task of the class should get its first lease",
  labels: { class: CLASSES },
});

/** Gauges of what waits and runs. A scrape reads Redis once for all gauges. Every replica shows the same values. */
export function measureQueue(registry: Registry, store: MeasuredStore): void {
  let reading: Promise<void> | undefined;
  // A scrape asks all gauges at the same time, and the first one reads for all. While Redis is away, a scrape shows the
  // last values.
  const collect = (): Promise<void> => {
    reading ??= read(store)
      .then(show)
      .catch(() => undefined)
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
  const waiting = WAITING(registry, collect);
  const oldest = OLDEST(registry, collect);
  const running = RUNNING(registry, collect);
  const parked = PARKED(registry, collect);
  const scheduled = SCHEDULED(registry, collect);
  const ended = ENDED(registry, collect);
  const bytes = BYTES(registry, collect);
  const executors = EXECUTORS(registry, collect);
  const slots = SLOTS(registry, collect);
  const gates = GATES(registry, collect);
  const emergency = EMERGENCY(registry, collect);
  const holds = HOLDS(registry, collect);

  function show({ depths, counts, present, closed, level, holdsAgeMs }: Reading): void {
    for (const { engine, class: priority, ...depth } of depths) {
      waiting.set({ engine, class: priority }, depth.waiting);
      oldest.set({ engine, class: priority }, (depth.oldestAgeMs ?? 0) / 1000);
      running.set({ engine, class: priority }, depth.running);
    }
    parked.set(counts.parked);
    scheduled.set(counts.scheduled);
    ended.set(counts.ended);
    bytes.set(counts.waitingBytes);
    const ready = present.filter(({ draining }) => !draining);
    executors.set({ draining: "false" }, ready.length);
    executors.set({ draining: "true" }, present.length - ready.length);
    for (const engine of new Set(depths.map((depth) => depth.engine))) {
      const offers = ready.flatMap((executor) => executor.offers.filter((offer) => offer.engine === engine));
      slots.set(
        { engine },
        offers.reduce((sum, offer) => sum + offer.slots, 0),
      );
    }
    for (const scope of GATED) gates.set({ scope }, closed.filter((each) => each === scope).length);
    emergency.set(level);
    holds.set(holdsAgeMs / 1000);
  }
}

type Reading = Awaited<ReturnType<typeof read>>;

async function read(store: MeasuredStore) {
  const [depths, counts, present, gates, nowMs, stop, holdsSetMs] = await Promise.all([
    ...([store.depths(), store.counts(), store.executors(PRESENT_MS)] as const),
    ...([store.gates(), store.now(""), store.emergency(), store.holdsSetMs()] as const),
  ]);
  const closed = [...gates].flatMap(([name, gate]) => (isClosed(gate, nowMs) ? readScope(name).kind : []));
  const level = stop === undefined ? 0 : EMERGENCY_LEVELS.indexOf(stop.level) + 1;
  const holdsAgeMs = holdsSetMs === undefined ? 0 : Math.max(0, nowMs - holdsSetMs);
  return { depths, counts, present, closed, level, holdsAgeMs };
}

/** Shows the time within which a task of each class should start. Other figures are compared with it. */
export function showTargets(registry: Registry): void {
  const target = START_TARGET(registry);
  for (const priority of CLASSES) target.set({ class: priority }, START_TARGET_MS[priority] / 1000);
}
