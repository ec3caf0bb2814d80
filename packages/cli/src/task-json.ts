import type { RunEvent } from "@ccsp/client";
import { Task, TaskError, TaskResult, Usage } from "@ccsp/protos/ccsp/task/v1/task.js";

/** An event of a run as plain JSON. Messages inside it are in proto JSON, and times are text. */
export function runEventJson(event: RunEvent): object {
  if (event.type === "accepted") return { type: event.type, task: Task.toJSON(event.task) };
  if (event.type === "usage") return { ...event, usage: event.usage && Usage.toJSON(event.usage) };
  if (event.type !== "waiting" && event.type !== "ended") return event;
  const error = event.error && TaskError.toJSON(event.error);
  if (event.type === "waiting") return { ...event, until: event.until?.toISOString(), error };
  return { ...event, result: event.result && TaskResult.toJSON(event.result), error };
}
