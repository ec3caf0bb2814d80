import type { Move } from "./move.js";
import { type Failure, isEnded, isHeld, type Task } from "./task.js";

/** On which a task may start; what is absent is none. */
export interface StartConditions {
  /** Of its first run, in ms since 1970. */
  readonly deadline?: number;
  /** The executor that it waits for, and for how many ms; for ever when absent. */
  readonly pin?: string;
  readonly pinMs?: number;
  /** For whom it waits after that, and for how many ms from its acceptance. */
  readonly nextPin?: string;
  readonly nextPinMs?: number;
}

/** An executor that cannot exist: who waits for it is about to be answered without a run. */
export const ANSWERING = "@cache";
const ANSWERED_WITHIN_MS = 60_000;

/** So that nobody runs the task meanwhile. If its answer does not come, it waits from then on as it would have without. */
export const toBeAnswered = ({ pin, pinMs, ...others }: StartConditions = {}): StartConditions => ({
  ...others,
  pin: ANSWERING,
  pinMs: ANSWERED_WITHIN_MS,
  ...(pin !== undefined && { nextPin: pin }),
  ...(pinMs !== undefined && { nextPinMs: pinMs }),
});

/**
 * What a waiting task's alarm brings: the end when its first run should have started by now, or instead of the executor
 * that it waits for the next one or any. Undefined when neither is due any more. `nowMs` is Redis' time.
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
