import type { CategoryName } from "@ccsp/errors";
import type { Task } from "./task.js";
import type { TaskError } from "./task-error.js";
import type { EndState, TaskEvent } from "./task-event.js";
import type { TaskResult, Usage } from "./task-result.js";

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
export function toRunEvent(entry: TaskEvent): RunEvent | undefined {
  const { sequence, attempt } = entry;
  switch (entry.type) {
    case "text":
      return { type: "text", sequence, attempt, message: entry.message, text: entry.text };
    case "taken-back":
      return { type: "taken-back", sequence, attempt, message: entry.message };
    case "tool":
      return { type: "tool", sequence, attempt, name: entry.name };
    case "usage": {
      const { time: _, type, ...usage } = entry;
      return { type, ...usage };
    }
    case "notice":
      return { type: "notice", sequence, category: entry.category, message: entry.message };
    case "state-changed":
      return toStateEvent(entry);
    case "ended":
      return { type: "ended", sequence, state: entry.state, result: entry.result, error: entry.error };
    case "unknown":
    default:
      return undefined; // an entry of a kind that is newer than this client
  }
}

function toStateEvent(entry: TaskEvent & { readonly type: "state-changed" }): RunEvent | undefined {
  const { sequence, attempt, state, reason, error, readyTime } = entry;
  if (state === "RUNNING") return { type: "started", sequence, attempt };
  if (state === "CANCELLING") return { type: "cancelling", sequence, reason };
  // Two QUEUED entries are the normal course and have no reason: the first one, and the one at the end of parking.
  const requeued = state === "QUEUED" && (reason !== "" || error !== undefined);
  if (!requeued && state !== "PARKED" && state !== "SCHEDULED") return undefined;
  return { type: "waiting", sequence, reason: reason || (error?.message ?? ""), until: readyTime, error };
}
