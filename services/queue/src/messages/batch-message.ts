import { Refusal } from "@ccsp/errors";
import type { EnqueueBatchResponse } from "@ccsp/protos/ccsp/queue/v1/submission.js";
import type { SubmitOutcome } from "@ccsp/protos/ccsp/task/v1/submission.js";
import { toDuration } from "@ccsp/protos/duration.js";
import type { FullTask } from "../domain/task/task-store.js";

/** The outcome of each task of a batch. Throws an error that is not a refusal, because it is a fault of the queue. */
export const toBatchResponse = (settled: readonly PromiseSettledResult<FullTask>[]): EnqueueBatchResponse => ({
  outcomes: settled.map(outcomeOf),
});

function outcomeOf(settled: PromiseSettledResult<FullTask>): SubmitOutcome {
  if (settled.status === "fulfilled") return { outcome: { $case: "taskId", value: settled.value.task.id } };
  const fault: unknown = settled.reason;
  if (!(fault instanceof Refusal)) throw fault;
  const { reason, message, retryAfterMs, fields } = fault;
  const retryAfter = retryAfterMs === undefined ? undefined : toDuration(retryAfterMs);
  return { outcome: { $case: "refused", value: { reason, message, retryAfter, fields: [...fields] } } };
}
