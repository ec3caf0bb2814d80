import { encodeEventData } from "@ccsp/events";
import { TaskError } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { MoveEvent } from "../domain/move.js";
import type { PriorityClass } from "../domain/task.js";
import { toTaskError } from "./failure.js";
import { priorityOf } from "./words.js";

/** Data of `task.enqueued`. */
export function enqueuedData(engine: string, priority: PriorityClass): string {
  return encodeEventData({ $case: "taskEnqueued", value: { engine, priority: priorityOf(priority) } });
}

/**
 * Members of an event's JSON besides `engine` and `attempt`, which the script that makes the move adds: it alone knows them
 * without a read. Begins with a comma, or is empty.
 */
export function moveData({ reason, error, readyMs, facts }: MoveEvent): string {
  const members = JSON.stringify({
    reason,
    error: error && TaskError.toJSON(toTaskError(error)),
    readyTime: readyMs === undefined ? undefined : new Date(readyMs).toISOString(),
    ...facts,
  }).slice(1, -1);
  return members === "" ? "" : `,${members}`;
}
