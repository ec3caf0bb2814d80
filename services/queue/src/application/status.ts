import { emergencyState } from "../domain/emergency/emergency-stop.js";
import type { EmergencyStore } from "../domain/emergency/emergency-store.js";
import { type ExecutorStore, LATELY_MS } from "../domain/executors/executor-store.js";
import type { GateReads } from "../domain/gates/gate-store.js";
import type { StatusStore } from "../domain/status/status-store.js";
import type { Clock } from "../domain/task/clock.js";

const MOST_AGENTS = 100;

export type StatusReadStore = StatusStore & ExecutorStore & GateReads & EmergencyStore & Clock;

export type Status = Awaited<ReturnType<typeof readStatus>>;

/** Reads what waits and runs, which executors there are, and which gates are closed. */
export async function readStatus(store: StatusReadStore) {
  const [depths, agents, counts, executors, gates, nowMs, emergency] = await Promise.all([
    store.depths(),
    store.agentLoads(MOST_AGENTS),
    store.counts(),
    store.executors(LATELY_MS),
    store.gates(),
    store.now(""),
    emergencyState(store),
  ]);
  return { depths, agents, counts, executors, gates, nowMs, emergency };
}
