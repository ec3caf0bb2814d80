import { Refusal } from "@ccsp/errors";
import { isTaskId } from "./shard.js";

export function taskNotFound(id: string): Refusal {
  // The id comes from a caller and may have any length and content, so only a well-formed id is repeated.
  const metadata = isTaskId(id) ? { task_id: id } : {};
  return new Refusal("TASK_NOT_FOUND", "no such task, or it is another agent's, or its retention is over", {
    metadata,
  });
}
