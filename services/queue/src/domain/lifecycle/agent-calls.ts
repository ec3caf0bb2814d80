import { Refusal } from "@ccsp/errors";
import { readReason } from "../fields/text.js";
import type { Caller } from "../task/caller.js";
import { afterCancel, afterPriority, afterRetry } from "../task/decide.js";
import type { PriorityClass, Task } from "../task/task.js";
import type { FullTask } from "../task/task-store.js";
import { type FullTaskReads, findFullTask, findTask } from "./find-task.js";
import type { Moves } from "./moves.js";

/**
 * The calls of an agent about its own tasks, and of an operator about every task. Each call throws TASK_NOT_FOUND for a
 * task that the caller may not see.
 */
export function createAgentCalls({ store, moves }: { store: FullTaskReads; moves: Moves }) {
  return {
    findFor: (id: string, caller: Caller): Promise<Task> => findTask(store, id, caller),

    get: (id: string, caller: Caller): Promise<FullTask> => findFullTask(store, id, caller),

    async cancel(id: string, caller: Caller, why: string): Promise<FullTask> {
      const reason = readReason(why);
      await findTask(store, id, caller);
      await moves.decideAndMove(id, (task) => afterCancel(task, reason));
      return findFullTask(store, id, caller);
    },

    /** Queues a failed task again. Throws TASK_NOT_FAILED and QUEUE_FULL. */
    async retry(id: string, caller: Caller, why: string): Promise<FullTask> {
      const reason = readReason(why);
      const task = await findTask(store, id, caller);
      if (task.state === "SUCCEEDED" || task.state === "CANCELLED") throw notFailed(task);
      await moves.decideAndMove(id, (current) => afterRetry(current, reason));
      // "whole" even when nothing changed: an earlier call may have put the task back, and replicas may not have
      // confirmed it.
      return findFullTask(store, id, caller, "whole");
    },

    /** Changes the class of a waiting task. */
    async setPriority(id: string, caller: Caller, priority: PriorityClass): Promise<FullTask> {
      await findTask(store, id, caller);
      await moves.decideAndMove(id, (task) => afterPriority(task, priority));
      return findFullTask(store, id, caller);
    },
  };
}

function notFailed({ id, state }: Task): Refusal {
  const metadata = { task_id: id, state };
  return new Refusal("TASK_NOT_FAILED", `the task ended as ${state}: only FAILED and EXPIRED ones can be put back`, {
    metadata,
  });
}
