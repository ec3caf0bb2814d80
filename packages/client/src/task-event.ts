import type { CategoryName } from "@ccsp/errors";
import { type TaskEvent as Message, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { STATES, type TaskStateName } from "./task.js";
import { type TaskError, toTaskError } from "./task-error.js";
import { type TaskResult, toTaskResult, toUsageSoFar, type UsageSoFar } from "./task-result.js";
import { categoryName, nameOf } from "./words.js";

/** One entry of a task's log. The sequences of one task start at 1 and have no gap. */
export type TaskEvent = EntryHead & EntryBody;

/** What every entry has. */
export interface EntryHead {
  /** Position in the log. */
  readonly sequence: number;
  /** When the queue stored the entry. */
  readonly time: Date | undefined;
  /** Number of the attempt that the entry belongs to. 0 before the first attempt. */
  readonly attempt: number;
}

/**
 * What happened.
 *
 * - `state-changed`: the task moved to a state that is not an end state. `reason` is set when it is not the normal course.
 *   `error` is the failure that led to the state, of a task that will be tried again. `readyTime`: when the task will
 *   be ready again, if that depends on a time.
 * - `text`: the engine wrote text of a message. Numbers of messages start at 1 and grow within an attempt. 0 comes from an
 *   executor of an older version.
 * - `taken-back`: the text of this message so far is no longer valid.
 * - `tool`: the engine used a tool.
 * - `notice`: the engine or its provider has trouble and continues, or a tool was not allowed.
 * - `usage`: what the attempt has used so far, in totals. A newer entry replaces an older one.
 * - `ended`: the task ended. It has `result` when SUCCEEDED, and otherwise `error`.
 * - `unknown`: an entry of a kind that is newer than this client.
 */
export type EntryBody =
  | {
      readonly type: "state-changed";
      readonly state: TaskStateName | "UNKNOWN";
      readonly reason: string;
      readonly error: TaskError | undefined;
      readonly readyTime: Date | undefined;
    }
  | { readonly type: "text"; readonly message: number; readonly text: string }
  | { readonly type: "taken-back"; readonly message: number }
  | { readonly type: "tool"; readonly name: string }
  | { readonly type: "notice"; readonly category: CategoryName; readonly message: string }
  | ({ readonly type: "usage" } & UsageSoFar)
  | {
      readonly type: "ended";
      readonly state: EndState;
      readonly result: TaskResult | undefined;
      readonly error: TaskError | undefined;
    }
  | { readonly type: "unknown" };

export type EndState = "SUCCEEDED" | "FAILED" | "CANCELLED" | "EXPIRED";

export const toTaskEvent = ({ sequence, time, attempt, event }: Message): TaskEvent => ({
  ...{ sequence, time, attempt },
  ...toBody(event),
});

function toBody(event: Message["event"]): EntryBody {
  switch (event?.$case) {
    case "stateChanged": {
      const { state, reason, error, readyTime } = event.value;
      return {
        type: "state-changed",
        state: nameOf(STATES, state),
        reason,
        error: error && toTaskError(error),
        readyTime,
      };
    }
    case "textDelta":
      return { type: "text", ...event.value };
    case "textTakenBack":
      return { type: "taken-back", ...event.value };
    case "toolUse":
      return { type: "tool", ...event.value };
    case "engineNotice":
      return { type: "notice", category: categoryName(event.value.category), message: event.value.message };
    case "usageSoFar":
      return { type: "usage", ...toUsageSoFar(event.value) };
    case "taskEnded": {
      const { state, result, error } = event.value;
      return {
        type: "ended",
        state: endState(state),
        result: result && toTaskResult(result),
        error: error && toTaskError(error),
      };
    }
    case undefined:
    default:
      return { type: "unknown" };
  }
}

function endState(state: TaskState): EndState {
  if (state === TaskState.SUCCEEDED) return "SUCCEEDED";
  if (state === TaskState.CANCELLED) return "CANCELLED";
  return state === TaskState.EXPIRED ? "EXPIRED" : "FAILED";
}
