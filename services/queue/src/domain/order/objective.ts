import type { Task } from "../task/task.js";
import { START_TARGET_MS } from "./order.js";

/**
 * Whether a task that was leased just now got its first lease within the start target of its class. The time counts
 * from its acceptance, or from the requested start time. Undefined for a later lease. Time behind a gate or a limit
 * counts too, because the caller waits in any case.
 */
export function startedInTime({ class: priority, created, since = created, ...task }: Task): boolean | undefined {
  const { attempt, deliveries, settled, leased = since } = task;
  const before = attempt !== undefined || deliveries !== undefined || settled !== undefined;
  return before ? undefined : leased - since <= START_TARGET_MS[priority];
}
