import { emergencyState } from "../emergency/emergency-stop.js";
import type { EmergencyStore } from "../emergency/emergency-store.js";
import { type ExecutorStore, LATELY_MS } from "../executors/executor-store.js";
import type { GateReads } from "../gates/gate-store.js";
import type { Clock } from "../task/clock.js";
import type { StatusStore } from "./status-store.js";

/** Agents that a status lists, those with the most tasks. */
const MOST_AGENTS_LISTED = 100;

export type Status = Awaited<ReturnType<typeof readStatus>>;

/** Reads what waits and runs, which executors there are, and which gates are closed. */
export async function readStatus(store: StatusStore & ExecutorStore & GateReads & EmergencyStore & Clock) {
  const [depths, agents, counts, executors, gates, nowMs, emergency] = await Promise.all([
    store.depths(),
    store.agentLoads(MOST_AGENTS_LISTED),
    store.counts(),
    store.executors(LATELY_MS),
    store.gates(),
    store.now(""),
    emergencyState(store),
  ]);
  return { depths, agents, counts, executors, gates, nowMs, emergency };
}
