import type { Move } from "./move.js";
import { isEnded, isHeld, type Task } from "./task.js";

/**
 * What a waiting task's alarm brings: the end when its first run should have started by now, or any executor instead of the one
 * that it waits for. Undefined when neither is due any more. `nowMs` is Redis' time.
 */
export function afterAlarm(task: Task, nowMs: number): Move | undefined {
  const { state, deadline, attempt = 0, pin, pinMs, created } = task;
  if (isHeld(state) || isEnded(state)) return undefined;
  if (deadline !== undefined && attempt === 0 && deadline <= nowMs) {
    const message = "its start deadline passed before it could start";
    const error = { category: "TIMEOUT", message, retryable: false, source: "CCSP" };
    return {
      ...{ from: state, to: "EXPIRED", due: "alarms" },
      ...{ set: { error }, note: { error }, event: { type: "expired" } },
    };
  }
  if (pin === undefined || pinMs === undefined || created + pinMs > nowMs) return undefined;
  return { from: state, to: state, due: "alarms", set: { pin: null, pinMs: null } };
}
