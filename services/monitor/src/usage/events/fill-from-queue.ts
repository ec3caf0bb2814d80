import type { Client } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { TaskFilter } from "@ccsp/protos/ccsp/task/v1/filter.js";
import { type Task, type TaskResult, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs } from "@ccsp/protos/duration.js";
import type { Gap } from "../domain/gap.js";
import { counted, labelOf } from "../domain/labels.js";
import { attemptId, knownMs, microUsd, type Run, resultId } from "../domain/run.js";
import type { Fill } from "./gap-watch.js";
import { classOf, failureOf, tokensOf } from "./run-of-event.js";

const PAGE = 500;
const CALL_MS = 10_000;

export interface FillOptions {
  readonly queue: Pick<Client<QueueServiceService>, "list" | "get">;
  readonly record: (run: Run) => Promise<"ok" | "repeat">;
  readonly allowedLabels: readonly string[];
}

/**
 * Counts the attempts of a gap from the tasks that the queue still has. The records know the usage of results only, so
 * failed attempts count with unknown tokens and cost. Attempts that were counted from events are not counted again.
 */
export function fillFromQueue({ queue, record, allowedLabels }: FillOptions): Fill {
  return async (gap, stop) => {
    const options = { timeoutMs: CALL_MS, signal: stop };
    const createdBefore = new Date(gap.end + 1);
    let [pageToken, done, reachesBack] = ["", 0, false];
    do {
      const page = await queue.list(
        { pageSize: PAGE, pageToken, filter: TaskFilter.fromPartial({ createdBefore }) },
        options,
      );
      for (const task of page.tasks) {
        if (shardOf(task) !== gap.partition) continue;
        if (task.endTime !== undefined && task.endTime.getTime() < gap.start) reachesBack = true;
        for (const attempt of attemptsIn(task, gap)) {
          stop.throwIfAborted();
          const result = attempt.succeeded ? (await queue.get({ taskId: task.id }, options)).task?.result : undefined;
          if (attempt.succeeded && (result === undefined || result.cached)) continue;
          if ((await record(runOf(task, attempt, result, allowedLabels))) === "ok") done += 1;
        }
      }
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return { counted: done, complete: reachesBack };
  };
}

/** Ids of tasks begin with the number of their shard, which is also the partition of their events. */
const shardOf = ({ id }: Task): number => Number(/^(\d+)-/.exec(id)?.[1] ?? 0);

interface Attempt {
  readonly number: number;
  readonly succeeded: boolean;
  readonly end: Date;
}

/**
 * The attempts that ended in the gap, as far as the task tells. It knows the end of the last one. Earlier ones ended
 * before the last one started. Whether a cancelled attempt ran is not known, so it is left out, as without a gap.
 */
function attemptsIn(task: Task, gap: Gap): Attempt[] {
  const within = (time: Date | undefined): time is Date =>
    time !== undefined && time.getTime() >= gap.start && time.getTime() <= gap.end;
  const { state, attempt, startTime, endTime, error } = task;
  const last: Attempt[] = [];
  const isLast = state === TaskState.SUCCEEDED || state === TaskState.FAILED;
  if (isLast && within(endTime)) {
    const succeeded = state === TaskState.SUCCEEDED;
    if (succeeded || attempt > 0) last.push({ number: attempt, succeeded, end: endTime });
  }
  if (!within(startTime)) return last;
  // A task that waits after a failure has no attempt that goes on.
  const waits = state === TaskState.QUEUED || state === TaskState.PARKED || state === TaskState.SCHEDULED;
  const failed = waits && error !== undefined ? attempt : attempt - 1;
  const earlier = Array.from({ length: Math.max(0, failed) }, (_, at) => ({
    number: at + 1,
    succeeded: false,
    end: startTime,
  }));
  return [...earlier, ...last];
}

function runOf(task: Task, attempt: Attempt, result: TaskResult | undefined, allowedLabels: readonly string[]): Run {
  const { spec } = task;
  return {
    id: attempt.succeeded ? resultId(task.id) : attemptId(task.id, attempt.number),
    partition: shardOf(task),
    taskId: task.id,
    traceparent: "",
    attempt: attempt.number > 0 ? attempt.number : undefined,
    endTime: attempt.end,
    row: {
      agent: counted(task.agentId),
      engine: counted(spec?.engine ?? ""),
      account: "",
      model: counted(result?.model ?? spec?.model ?? ""),
      priority: spec ? classOf(spec.priority) : "",
      label: labelOf(spec?.labels ?? {}, allowedLabels),
    },
    labels: spec?.labels ?? {},
    outcome: attempt.succeeded ? "succeeded" : "failed",
    // The record has the newest failure only.
    failure: attempt.succeeded || attempt.number < task.attempt ? undefined : failureOf(task.error),
    tokens: result?.usage && tokensOf(result.usage),
    costMicroUsd: microUsd(result?.costUsd),
    runMs: knownMs(result?.runTime && durationMs(result.runTime)),
    waitMs: knownMs(result?.queueWait && durationMs(result.queueWait)),
  };
}
