import { type Caller, maySee } from "../task/caller.js";
import { taskNotFound } from "../task/not-found.js";
import { isTaskId } from "../task/shard.js";
import type { Task } from "../task/task.js";
import type { FullTask, TaskContents, TaskReads } from "../task/task-store.js";

export type FullTaskReads = TaskReads & TaskContents;

/** Finds a task that the caller may see. Throws TASK_NOT_FOUND. */
export async function findTask(store: TaskReads, id: string, caller: Caller, what?: "whole"): Promise<Task> {
  const task = isTaskId(id) ? await store.findConfirmed(id, what) : undefined;
  if (task === undefined || !maySee(caller, task)) throw taskNotFound(id);
  return task;
}

/** Like `findTask`, with the prompts and the result of the task. */
export async function findFullTask(
  store: FullTaskReads,
  id: string,
  caller: Caller,
  what?: "whole",
): Promise<FullTask> {
  const task = await findTask(store, id, caller, what);
  return {
    task,
    prompts: await store.findPrompts(task.id),
    result: task.state === "SUCCEEDED" ? await store.findResult(task) : undefined,
  };
}
