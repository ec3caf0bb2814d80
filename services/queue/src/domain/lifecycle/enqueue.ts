import { Refusal } from "@ccsp/errors";
import { submitStopped } from "../emergency/emergency.js";
import { budgetExhausted } from "../gates/budget-holds.js";
import { type Bounds, queueFull } from "../intake/bounds.js";
import type { EnqueueOutcome, IntakeStore, NewTask } from "../intake/intake-store.js";
import { settleAnswers } from "../intake/settle-all.js";
import { asAgent } from "../task/caller.js";
import type { FullTask } from "../task/task-store.js";
import { type FullTaskReads, findFullTask } from "./find-task.js";
import type { QueueObserver } from "./observer.js";

/** Accepts new tasks. Throws QUEUE_FULL, SUBMIT_STOPPED, BUDGET_EXHAUSTED and REQUEST_ID_CONFLICT. */
export function createEnqueue(
  { store, observer }: { store: IntakeStore & FullTaskReads; observer: QueueObserver },
  bounds: Bounds,
) {
  /** Returns a promise only for a repeated request, because its task has to be read. */
  const accepted = (task: NewTask, answer: EnqueueOutcome): FullTask | Promise<FullTask> => {
    if (answer.outcome === "added") {
      observer.accepted(task);
      return { task: answer.task, prompts: task.prompts, result: undefined };
    }
    if (answer.outcome === "full") throw queueFull(bounds, answer.bound);
    if (answer.outcome === "stopped") throw submitStopped(answer.stop);
    if (answer.outcome === "budget") throw budgetExhausted(answer.scope, answer.gate, answer.nowMs);
    if (answer.outcome === "conflict") throw requestIdConflict(answer.id);
    return findFullTask(store, answer.id, asAgent(task.agent));
  };

  return {
    enqueue: (task: NewTask): Promise<FullTask> => store.enqueue(task).then((answer) => accepted(task, answer)),

    /** Enqueues each task on its own, in one call to the store. Never rejects: each outcome is in the answer. */
    async enqueueAll(tasks: readonly NewTask[]): Promise<PromiseSettledResult<FullTask>[]> {
      return settleAnswers(tasks, await store.enqueueAll(tasks), accepted);
    },
  };
}

function requestIdConflict(taskId: string): Refusal {
  const metadata = { task_id: taskId };
  return new Refusal("REQUEST_ID_CONFLICT", "request_id was used before with another payload", { metadata });
}
