import type { CategoryName } from "@ccsp/errors";
import {
  type StateChanged,
  type Task,
  type TaskError,
  type TaskEvent,
  type TaskResult,
  TaskState,
  type Usage,
} from "@ccsp/protos/ccsp/task/v1/task.js";
import { categoryName } from "./errors.js";

export type EndState = "SUCCEEDED" | "FAILED" | "CANCELLED" | "EXPIRED";

/**
 * An event in the life of a run, in order. `sequence` is the position in the task's log: a watcher that reconnects
 * sends the last one that it saw.
 *
 * - `accepted`: the task is stored. Always the first event.
 * - `started`: the engine of an attempt runs. Text of an earlier attempt is no longer valid.
 * - `text`: more text of a message. `message` counts from 1 within an attempt (0: an executor of an older version did
 *   not number it). The last message that was not taken back is the answer. Earlier messages are what the engine said
 *   on the way, such as before it used a tool. `createAnswer` assembles them.
 * - `taken-back`: the text of this message so far is no longer valid. The engine begins the message again, or replaces
 *   it with another.
 * - `tool`: the engine used a tool.
 * - `usage`: what the attempt has used so far, in totals: a newer event replaces an older one.
 * - `notice`: the engine or its provider has trouble and continues, or a tool was not allowed (category
 *   `PERMISSION_DENIED`).
 * - `waiting`: the task is back in the queue, until a given time if that time is known.
 * - `cancelling`: a cancel was accepted, and the executor is ending the engine.
 * - `ended`: the last event. One exception: after `retry` put the task back, more events follow, up to the next
 *   `ended`. It has `result` when SUCCEEDED, and otherwise `error` if there is one.
 */
export type RunEvent =
  | { readonly type: "accepted"; readonly task: Task }
  | { readonly type: "started"; readonly sequence: number; readonly attempt: number }
  | {
      readonly type: "text";
      readonly sequence: number;
      readonly attempt: number;
      readonly message: number;
      readonly text: string;
    }
  | { readonly type: "taken-back"; readonly sequence: number; readonly attempt: number; readonly message: number }
  | { readonly type: "tool"; readonly sequence: number; readonly attempt: number; readonly name: string }
  | RunUsage
  | { readonly type: "notice"; readonly sequence: number; readonly category: CategoryName; readonly message: string }
  | {
      readonly type: "waiting";
      readonly sequence: number;
      readonly reason: string;
      readonly until: Date | undefined;
      readonly error: TaskError | undefined;
    }
  | { readonly type: "cancelling"; readonly sequence: number; readonly reason: string }
  | RunEnded;

/** See `RunEvent`. A number that is not known is undefined, never 0. */
export interface RunUsage {
  readonly type: "usage";
  readonly sequence: number;
  readonly attempt: number;
  /** Number of model turns that are complete. */
  readonly turns: number;
  /** Number of uses of tools. */
  readonly toolUses: number | undefined;
  readonly usage: Usage | undefined;
  /** In US dollars. Some engines tell it only with their result. */
  readonly costUsd: number | undefined;
  /** Empty when it is not known. */
  readonly model: string;
}

export interface RunEnded {
  readonly type: "ended";
  readonly sequence: number;
  readonly state: EndState;
  readonly result: TaskResult | undefined;
  readonly error: TaskError | undefined;
}

/**
 * The event of a run for a log entry. Undefined for an entry that gives no news to a caller that waits for the answer.
 */
export function toRunEvent({ sequence, attempt, event }: TaskEvent): RunEvent | undefined {
  switch (event?.$case) {
    case "textDelta":
      return { type: "text", sequence, attempt, ...event.value };
    case "textTakenBack":
      return { type: "taken-back", sequence, attempt, ...event.value };
    case "toolUse":
      return { type: "tool", sequence, attempt, name: event.value.name };
    case "usageSoFar":
      return { type: "usage", sequence, attempt, ...event.value };
    case "engineNotice":
      return { type: "notice", sequence, category: categoryName(event.value.category), message: event.value.message };
    case "stateChanged":
      return toStateEvent(sequence, attempt, event.value);
    case "taskEnded":
      return { type: "ended", sequence, ...event.value, state: endState(event.value.state) };
    case undefined:
    default:
      return undefined; // an entry of a kind that is newer than this client
  }
}

function toStateEvent(
  sequence: number,
  attempt: number,
  { state, reason, error, readyTime }: StateChanged,
): RunEvent | undefined {
  if (state === TaskState.RUNNING) return { type: "started", sequence, attempt };
  if (state === TaskState.CANCELLING) return { type: "cancelling", sequence, reason };
  // Two QUEUED entries are the normal course and have no reason: the first one, and the one at the end of parking.
  const requeued = state === TaskState.QUEUED && (reason !== "" || error !== undefined);
  if (!requeued && state !== TaskState.PARKED && state !== TaskState.SCHEDULED) return undefined;
  return { type: "waiting", sequence, reason: reason || (error?.message ?? ""), until: readyTime, error };
}

function endState(state: TaskState): EndState {
  if (state === TaskState.SUCCEEDED) return "SUCCEEDED";
  if (state === TaskState.CANCELLED) return "CANCELLED";
  return state === TaskState.EXPIRED ? "EXPIRED" : "FAILED";
}
