import type { RunResponse } from "@ccsp/protos/ccsp/queue/v1/submission.js";
import type { WatchResponse } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
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

/**
 * Remembers the message that `make` makes for an entry with a result. All watchers share the result, so it is decoded
 * and encoded once for all of them. Two entries carry the result: the answer of a cached task, and the end.
 */
function once<M extends object>(make: (watched: Watched) => M): (watched: Watched) => M {
  const made = new WeakMap<Uint8Array, Map<number, M>>();
  return (watched) => {
    const { entry, result } = watched;
    if (result === undefined) return make(watched);
    const ofResult = made.get(result) ?? new Map<number, M>();
    made.set(result, ofResult);
    const message = ofResult.get(entry.sequence) ?? make(watched);
    ofResult.set(entry.sequence, message);
    return message;
  };
}

export const toWatchResponse = once<WatchResponse>((watched) => ({ event: toTaskEvent(watched) }));

/** The response for a log entry. The response that carries the accepted task is made elsewhere. */
export const toRunResponse = once<RunResponse>((watched) => ({ task: undefined, event: toTaskEvent(watched) }));

/** The stored form of an entry that an executor reported. It does not have the fields that the queue adds. */
export function encodeReported({ event }: TaskEvent): Uint8Array {
  return TaskEvent.encode({ sequence: 0, time: undefined, attempt: 0, event }).finish();
}
