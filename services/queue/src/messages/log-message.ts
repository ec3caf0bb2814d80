import { TaskEvent, TaskResult } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { LogEntry } from "../domain/log/log-store.js";
import type { Watched } from "../domain/log/watch.js";
import { isEnded, type Task } from "../domain/task/task.js";
import { toTaskError } from "./failure.js";
import { loadResult } from "./task-message.js";
import { toState } from "./words.js";

/** A log entry in the form that a watcher gets. `result` is present for entries that carry the result. */
export function toTaskEvent({ entry, task, result }: Watched): TaskEvent {
  const { sequence, timeMs, attempt, content } = entry;
  return { sequence, time: new Date(timeMs), attempt, event: eventOf(content, task, result) };
}

function eventOf(content: LogEntry["content"], task: Task, result: Uint8Array | undefined): TaskEvent["event"] {
  if (content.kind === "reported") return TaskEvent.decode(content.event).event;
  if (content.kind === "answer") {
    const text = result === undefined ? "" : TaskResult.decode(result).text;
    return { $case: "textDelta", value: { text, message: 1 } };
  }
  const { state, note } = content;
  const error = note.error && toTaskError(note.error);
  if (isEnded(state)) {
    return {
      $case: "taskEnded",
      value: { state: toState(state), result: result && loadResult(task, result), error },
    };
  }
  return {
    $case: "stateChanged",
    value: {
      state: toState(state),
      reason: note.reason ?? "",
      error,
      readyTime: note.readyMs === undefined ? undefined : new Date(note.readyMs),
    },
  };
}

/** The stored form of an entry that an executor reported. It does not have the fields that the queue adds. */
export function encodeReported({ event }: TaskEvent): Uint8Array {
  return TaskEvent.encode({ sequence: 0, time: undefined, attempt: 0, event }).finish();
}
