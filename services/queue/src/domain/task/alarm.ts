import type { Move } from "./move.js";
import { type Failure, isEnded, isHeld, type Task } from "./task.js";

/** Conditions for the start of a task. An absent member is not a condition. */
export interface StartConditions {
  /** The time by which its first run has to start (ms since 1970). */
  readonly deadline?: number;
  /** The executor that the task waits for, and for how many ms from its acceptance. No `pinMs`: it waits forever. */
  readonly pin?: string;
  readonly pinMs?: number;
  /** The executor that it waits for after that, and for how many ms from its acceptance. */
  readonly nextPin?: string;
  readonly nextPinMs?: number;
}

/** An id that no executor can have. A task that waits for it is about to be answered from the cache, without a run. */
export const ANSWERING = "@cache";
const ANSWERED_WITHIN_MS = 60_000;

/**
 * Conditions with which no executor runs the task while its cached answer is stored. If the answer does not come within
 * a minute, the task waits on its own conditions.
 */
export const toBeAnswered = ({ pin, pinMs, ...others }: StartConditions = {}): StartConditions => ({
  ...others,
  pin: ANSWERING,
  pinMs: ANSWERED_WITHIN_MS,
  ...(pin !== undefined && { nextPin: pin }),
  ...(pinMs !== undefined && { nextPinMs: pinMs }),
});

/**
 * Decides what the alarm of a waiting task does. The task expires when its first run has not started by its deadline.
 * Otherwise it stops waiting for its executor, and waits for the next one or for any. Undefined when neither is due any
 * more. `nowMs` is the time of Redis.
 */
export function afterAlarm(task: Task, nowMs: number): Move | undefined {
  const { state, deadline, attempt = 0, pin, pinMs, nextPin = null, nextPinMs = null, created } = task;
  if (isHeld(state) || isEnded(state)) return undefined;
  if (deadline !== undefined && attempt === 0 && deadline <= nowMs) {
    const message = "its start deadline passed before it could start";
    const error: Failure = { category: "TIMEOUT", message, retryable: false, source: "CCSP" };
    return {
      from: state,
      to: "EXPIRED",
      due: "alarms",
      set: { error },
      note: { error },
      event: { type: "expired" },
    };
  }
  if (pin === undefined || pinMs === undefined || created + pinMs > nowMs) return undefined;
  return {
    from: state,
    to: state,
    due: "alarms",
    set: { pin: nextPin, pinMs: nextPinMs, nextPin: null, nextPinMs: null },
  };
}
