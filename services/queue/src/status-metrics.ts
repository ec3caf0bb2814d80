import { Gauge, type Registry } from "prom-client";
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

export type MeasuredStore = StatusStore & ExecutorStore & GateReads & Pick<EmergencyStore, "emergency"> & Clock;

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
  const gauge = <L extends string>(name: string, help: string, ...labelNames: readonly L[]): Gauge<L> =>
    new Gauge({ name: `ccsp_queue_${name}`, help, labelNames, registers: [registry], collect });

  const waiting = gauge(
    "waiting",
    "Tasks that wait for an executor; counts at most 2,000 of those in each shard that a label or an affinity defers",
    "engine",
    "class",
  );
  const oldestHelp = "Age of the oldest task that waits for an executor; 0 when none does";
  const oldest = gauge("oldest_age_seconds", oldestHelp, "engine", "class");
  const running = gauge("running", "Tasks that executors hold", "engine", "class");
  const parked = gauge("parked", "Tasks that wait to be tried again");
  const scheduled = gauge("scheduled", "Tasks that wait for their start time");
  const ended = gauge("ended", "Ended tasks that are still kept");
  const bytes = gauge("waiting_bytes", "Bytes of tasks that wait, are parked or scheduled");
  const executors = gauge("executors", "Executors that called recently, by whether they take work", "draining");
  const slots = gauge("slots", "Slots of executors that take work", "engine");
  const gates = gauge("gates_closed", "Closed gates, by what they stop", "scope");
  const holdsHelp = "Time since the monitor said last which budgets are used up; 0: it never has";
  const holds = gauge("budget_state_age_seconds", holdsHelp);
  const emergency = gauge("emergency_level", "Level of the emergency stop in force, from 1; 0: there is none");

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
  const target = new Gauge({
    name: "ccsp_queue_start_target_seconds",
    help: "Time within which a task of the class should get its first lease",
    labelNames: ["class"],
    registers: [registry],
  });
  for (const priority of CLASSES) target.set({ class: priority }, START_TARGET_MS[priority] / 1000);
}
