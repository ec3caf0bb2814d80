import type { Task } from "../task/task.js";
import { START_TARGET_MS } from "./order.js";

/**
 * Whether a task that was leased just now got its first lease within the start target of its class, counted from its acceptance or from the
 * start time that was asked for; undefined for a later lease. Time behind a gate or a limit counts: who waits does not care why.
 */
export function startedInTime({ class: priority, created, since = created, ...task }: Task): boolean | undefined {
  const { attempt, deliveries, settled, leased = since } = task;
  const before = attempt !== undefined || deliveries !== undefined || settled !== undefined;
  return before ? undefined : leased - since <= START_TARGET_MS[priority];
}
