import type { CategoryName } from "@ccsp/errors";
import {
  type StateChanged,
  type Task,
  type TaskError,
  type TaskEvent,
  type TaskResult,
  TaskState,
} from "@ccsp/protos/ccsp/task/v1/task.js";
import { categoryName } from "./errors.js";

export type EndState = "SUCCEEDED" | "FAILED" | "CANCELLED" | "EXPIRED";

/**
 * What happens to a run, in order. `sequence` is the place in the task's log: a watcher that comes back says the last it saw.
 *
 * - `accepted`: the task is stored; always first.
 * - `started`: an attempt's engine runs. Text of an earlier attempt is void from here on.
 * - `text`: more of a message. `message` counts from 1 within an attempt (0: an executor of an older version did not say). The last one that stands
 *   is the answer; those before it are what the engine said on its way to it, such as before it used a tool. `createAnswer` puts them together.
 * - `taken-back`: what came of this message is void. The engine begins it anew, or puts another in its place.
 * - `tool`: the engine used a tool.
 * - `notice`: the engine or its provider has trouble and goes on, or a tool was not allowed (category `PERMISSION_DENIED`).
 * - `waiting`: back in the queue, until a time where that is known.
 * - `cancelling`: a cancel was accepted, the engine is being ended.
 * - `ended`: the last, unless the task was put back after it, by `retry`: then what follows is shown, to the next `ended`. `result`
 *   when SUCCEEDED, else `error` where there is one.
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

export interface RunEnded {
  readonly type: "ended";
  readonly sequence: number;
  readonly state: EndState;
  readonly result: TaskResult | undefined;
  readonly error: TaskError | undefined;
}

/** The run's view of a log entry; undefined for entries that say nothing new to whoever waits for the answer. */
export function toRunEvent({ sequence, attempt, event }: TaskEvent): RunEvent | undefined {
  switch (event?.$case) {
    case "textDelta":
      return { type: "text", sequence, attempt, ...event.value };
    case "textTakenBack":
      return { type: "taken-back", sequence, attempt, ...event.value };
    case "toolUse":
      return { type: "tool", sequence, attempt, name: event.value.name };
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
  // The first QUEUED, and the one at the end of parking, are the normal course and have no reason.
  const requeued = state === TaskState.QUEUED && (reason !== "" || error !== undefined);
  if (!requeued && state !== TaskState.PARKED && state !== TaskState.SCHEDULED) return undefined;
  return { type: "waiting", sequence, reason: reason || (error?.message ?? ""), until: readyTime, error };
}

function endState(state: TaskState): EndState {
  if (state === TaskState.SUCCEEDED) return "SUCCEEDED";
  if (state === TaskState.CANCELLED) return "CANCELLED";
  return state === TaskState.EXPIRED ? "EXPIRED" : "FAILED";
}
