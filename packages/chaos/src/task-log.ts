import { type TaskEvent, type TaskResult, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";

const ENDS: readonly TaskState[] = [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED, TaskState.EXPIRED];

export const isEnd = (state: TaskState): boolean => ENDS.includes(state);

/** Returns the name of a state, for example `SUCCEEDED`. A state of a newer queue is its number. */
export const stateName = (state: TaskState): string => TaskState[state] ?? String(state);

/** Returns a log entry as text. Equal entries give equal text. */
export function toLogLine({ sequence, attempt, event }: TaskEvent): string {
  return `${sequence} (attempt ${attempt}) ${describe(event)}`;
}

/** Returns a log line without its position in the log. */
export const withoutPlace = (line: string): string => line.replace(/^\d+ \(attempt \d+\) /, "");

export const describeEnd = ({ state, result }: { state: TaskState; result?: TaskResult | undefined }): string =>
  `ended ${stateName(state)}: ${result?.text ?? ""}`;

function describe(event: TaskEvent["event"]): string {
  if (event?.$case === "stateChanged") return stateName(event.value.state);
  if (event?.$case === "textDelta") return event.value.text;
  if (event?.$case === "taskEnded") return describeEnd(event.value);
  return event?.$case ?? "nothing";
}
