import { Refusal } from "@ccsp/errors";
import { isTaskId } from "./shard.js";

export function taskNotFound(id: string): Refusal {
  // An id of any length and content came from outside.
  const metadata = isTaskId(id) ? { task_id: id } : {};
  return new Refusal("TASK_NOT_FOUND", "no such task, or it is another agent's, or its retention is over", {
    metadata,
  });
}
