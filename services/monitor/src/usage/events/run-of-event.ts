import { EVENT_WORDS } from "@ccsp/events";
import type { Tokens } from "@ccsp/prices";
import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { ErrorCategory, type Priority, type TaskError, type Usage } from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs } from "@ccsp/protos/duration.js";
import type { Duration } from "@ccsp/protos/google/protobuf/duration.js";
import { wordOf } from "@ccsp/protos/words.js";
import { counted, labelOf } from "../domain/labels.js";
import {
  attemptId,
  type Failure,
  knownMs,
  MOST_TOKENS,
  microUsd,
  type Outcome,
  type Run,
  resultId,
} from "../domain/run.js";

/**
 * Returns the run that ended with this event, or undefined if the event ends no run.
 *
 * - A task completes once. Completed without an attempt, a time or a usage, it got a cached answer, and nothing ran.
 * - A retry ends a failed run.
 * - A task that failed before any attempt started had no run, unless the event reports its usage or cost: then the word
 *   of its start was lost.
 * - A cancelled task has a run to count only if the event reports its usage or cost.
 * - A lease that failed without a run reports the previous attempt again. So a failed run is identified by task and
 *   attempt.
 */
export function runOfEvent(event: Event, allowedLabels: readonly string[]): Run | undefined {
  const { data } = event;
  const run = (outcome: Outcome, id: string, ended: Ended) => toRun(event, { ...ended, outcome, id }, allowedLabels);
  if (data?.$case === "taskCompleted") {
    const { attempt, usage, costUsd, runTime } = data.value;
    const ran = attempt > 0 || usage !== undefined || costUsd !== undefined || runTime !== undefined;
    return ran ? run("succeeded", resultId(event.taskId), data.value) : undefined;
  }
  if (data?.$case === "taskCancelled") {
    const { attempt, usage, costUsd } = data.value;
    if (usage === undefined && costUsd === undefined) return undefined;
    return run("cancelled", attemptId(event.taskId, attempt), data.value);
  }
  if (data?.$case !== "taskFailed" && data?.$case !== "taskRetried") return undefined;
  const { attempt, usage, costUsd } = data.value;
  const ran = attempt > 0 || usage !== undefined || costUsd !== undefined;
  return ran ? run("failed", attemptId(event.taskId, attempt), data.value) : undefined;
}

interface Ended {
  readonly attempt: number;
  readonly engine: string;
  /** The model that ran. For a failed or cancelled run that does not know it, the model that the task requested. */
  readonly model: string;
  readonly account: string;
  readonly priority: Priority;
  readonly labels: Readonly<Record<string, string>>;
  readonly error?: TaskError | undefined;
  readonly usage?: Usage | undefined;
  readonly costUsd?: number | undefined;
  readonly runTime?: Duration | undefined;
  readonly queueWait?: Duration | undefined;
}

type EndedRun = Ended & { readonly id: string; readonly outcome: Outcome };

function toRun(event: Event, ended: EndedRun, allowedLabels: readonly string[]): Run {
  const { id, outcome, attempt, engine, model, account, priority, labels, error, usage, costUsd } = ended;
  const { runTime, queueWait } = ended;
  const failure = outcome === "failed" ? failureOf(error) : undefined;
  return {
    id,
    partition: partitionOf(event),
    taskId: event.taskId,
    traceparent: event.traceparent,
    attempt: attempt > 0 ? attempt : undefined,
    endTime: event.time ?? new Date(0),
    row: {
      agent: counted(event.agentId),
      engine: counted(engine),
      account: counted(account),
      model: counted(model),
      priority: classOf(priority),
      label: labelOf(labels, allowedLabels),
    },
    labels,
    outcome,
    ...(failure && { failure }),
    tokens: usage && tokensOf(usage),
    costMicroUsd: microUsd(costUsd),
    runMs: knownMs(runTime && durationMs(runTime)),
    waitMs: knownMs(queueWait && durationMs(queueWait)),
  };
}

const LIMITS: ReadonlySet<ErrorCategory> = new Set([
  ErrorCategory.RATE_LIMIT,
  ErrorCategory.USAGE_WINDOW,
  ErrorCategory.OVERLOADED,
]);

/** What is counted of the reason of a failed run. */
export function failureOf(error: TaskError | undefined): Failure | undefined {
  if (error?.category === ErrorCategory.UNKNOWN_ERROR) return "unclassified";
  return error !== undefined && LIMITS.has(error.category) ? "limited" : undefined;
}

/** The queue's events are named `<partition>:<stream id>`. Other services publish on partition 0. */
const partitionOf = ({ id }: Event): number => Number(/^(\d+):/.exec(id)?.[1] ?? 0);

/** The class of a task as usage names it: in lower case, and empty when it is not known. */
export const classOf = (priority: Priority): string => wordOf(EVENT_WORDS.priority, priority) ?? "";

/**
 * Negative or absurdly high counts come from a broken engine. They would reduce the usage of other runs, or overflow
 * the sum.
 */
export function tokensOf(usage: Usage): Tokens {
  const count = (value: bigint): number => (value > 0n && value <= MOST_TOKENS ? Number(value) : 0);
  return {
    input: count(usage.inputTokens),
    output: count(usage.outputTokens),
    cacheRead: count(usage.cacheReadTokens),
    cacheCreation: count(usage.cacheCreationTokens),
  };
}
