import type { Blocker } from "../domain/explain/blockers.js";
import { ANSWERING } from "../domain/task/alarm.js";
import type { Task } from "../domain/task/task.js";

/** A shorter wait is the time that a lease takes. */
const NO_WAIT_MS = 100;

/**
 * What a task waited for since `startMs`, in the words and the order of `ccsp explain`, as far as its record still says
 * it. It says GATE, BUDGET_EXHAUSTED and CAP for those of its labels and its model, because these are found when its
 * turn has come. TURN stands for the rest: a slot, a rate, a gate or cap of something else, or other tasks before it.
 * Empty: it did not wait.
 */
export function waitedFor(task: Task, startMs: number): readonly Blocker["kind"][] {
  const { leased = startMs, since = 0, ready = 0, pin, returned, deferred = {} } = task;
  const kinds: Blocker["kind"][] = [];
  const isDeferredBy = (kind: keyof typeof deferred): boolean => (deferred[kind] ?? 0) >= startMs;
  kinds.push(...(["GATE", "BUDGET_EXHAUSTED"] as const).filter(isDeferredBy));
  if (since > startMs) kinds.push("START_TIME");
  if (returned !== undefined && ready > returned) kinds.push("PARKED");
  if (isDeferredBy("CAP")) kinds.push("CAP");
  if (pin !== undefined && pin !== ANSWERING) kinds.push("AFFINITY");
  if (leased - Math.max(startMs, since, kinds.includes("PARKED") ? ready : 0) > NO_WAIT_MS) kinds.push("TURN");
  return kinds;
}
