import { labelCap, type Order } from "../order/order.js";
import type { Clock } from "../task/clock.js";
import { afterBlock, afterLoss } from "../task/decide.js";
import type { Move } from "../task/move.js";
import type { Task } from "../task/task.js";
import type { BlockedStore, GateReads } from "./gate-store.js";
import { isClosed } from "./gates.js";
import { isBudgetScope, readScope, scopeName } from "./scope.js";

/**
 * Returns blocked tasks to their waiting lines: as many as the cap of their label allows, or all when the gate of the
 * label or model has opened. A claim that finds one too many blocks it again. A task whose prompt is lost cannot run,
 * and ends.
 */
export async function returnBlocked(
  store: GateReads & BlockedStore & Clock,
  order: Order,
  decideAndMove: (id: string, decide: (task: Task) => Move | undefined) => Promise<unknown>,
): Promise<void> {
  const [gates, nowMs] = [await store.gates(), await store.now("")];
  const ids = await store.blockedIds((reason, running) => {
    // The alarm of a task ends it when it expires.
    if (reason === "late" || isClosed(gates.get(reason), nowMs)) return 0;
    const scope = readScope(reason);
    const isHeld = isBudgetScope(scope) && isClosed(gates.get(scopeName({ kind: "budget", of: scope })), nowMs);
    if (isHeld) return 0;
    const cap = scope.kind === "label" ? labelCap(order, scope.label) : undefined;
    return cap === undefined ? Number.POSITIVE_INFINITY : Math.max(0, cap - running);
  });
  await Promise.all(
    ids.map((id) => decideAndMove(id, (task) => (task.blocked === "broken" ? afterLoss(task) : afterBlock(task)))),
  );
}
