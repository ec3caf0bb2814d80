import type { Blocker } from "../domain/explain/blockers.js";
import { ANSWERING } from "../domain/task/alarm.js";
import type { Task } from "../domain/task/task.js";

/** A shorter wait is the time that a lease takes. */
const NO_WAIT_MS = 100;

/**
 * What a task waited for since `startMs`, in the words of `ccsp explain`, as far as its record still says it. TURN stands
 * for the rest: a slot, a cap, a rate, a gate, or other tasks before it. Empty: it did not wait.
 */
export function waitedFor(task: Task, startMs: number): readonly Blocker["kind"][] {
  const { leased = startMs, since = 0, ready = 0, pin, returned } = task;
  const kinds: Blocker["kind"][] = [];
  if (since > startMs) kinds.push("START_TIME");
  if (returned !== undefined && ready > returned) kinds.push("PARKED");
  if (pin !== undefined && pin !== ANSWERING) kinds.push("AFFINITY");
  if (leased - Math.max(startMs, since, kinds.includes("PARKED") ? ready : 0) > NO_WAIT_MS) kinds.push("TURN");
  return kinds;
}
