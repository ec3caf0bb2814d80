import { emergencyState } from "../emergency/emergency-stop.js";
import type { EmergencyStore } from "../emergency/emergency-store.js";
import { type ExecutorStore, LATELY_MS } from "../executors/executor-store.js";
import type { GateReads } from "../gates/gate-store.js";
import { isClosed } from "../gates/gates.js";
import { type BudgetScope, scopeName } from "../gates/scope.js";
import { labelCap, type Order } from "../order/order.js";
import type { Clock } from "../task/clock.js";
import type { StatusStore } from "./status-store.js";

/** Agents that a status lists, those with the most tasks. */
const MOST_AGENTS_LISTED = 100;

export type Status = Awaited<ReturnType<typeof readStatus>>;

/** Labels whose held tasks are counted: each costs Redis three commands, one after the other. */
const MOST_LABELS = 50;
const MOST_CAPS = 20;

/** Reads what waits and runs, which executors there are, which gates are closed, and which caps hold tasks. */
export async function readStatus(
  store: StatusStore & ExecutorStore & GateReads & EmergencyStore & Clock,
  order: Order,
) {
  const [depths, agents, counts, executors, gates, nowMs, emergency, labels] = await Promise.all([
    store.depths(),
    store.agentLoads(MOST_AGENTS_LISTED),
    store.counts(),
    store.executors(LATELY_MS),
    store.gates(),
    store.now(""),
    emergencyState(store),
    store.heldByLabels(MOST_LABELS),
  ]);
  const isShut = (of: BudgetScope): boolean =>
    [of, { kind: "budget", of } as const].some((scope) => isClosed(gates.get(scopeName(scope)), nowMs));
  const caps = [
    ...labels.flatMap(({ label, ...load }): ReachedCap | [] =>
      labelCap(order, label) === undefined ? [] : { scope: { kind: "label", label }, ...load },
    ),
    ...agents.flatMap(({ agent, ...load }): ReachedCap | [] =>
      order.agentMaxRunning === 0 || load.running < order.agentMaxRunning || load.waiting === 0
        ? []
        : { scope: { kind: "agent", agent }, ...load },
    ),
  ]
    .filter(({ scope }) => !isShut(scope))
    .toSorted((a, b) => b.waiting - a.waiting)
    .slice(0, MOST_CAPS);
  return { depths, agents, counts, executors, gates, nowMs, emergency, caps };
}

/** A cap on running tasks that is reached, and the tasks that wait for it. What a closed gate holds waits for the gate. */
interface ReachedCap {
  readonly scope: Extract<BudgetScope, { kind: "agent" | "label" }>;
  readonly running: number;
  readonly waiting: number;
}
