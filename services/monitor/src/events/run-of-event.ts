import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import type { Usage } from "@ccsp/protos/ccsp/task/v1/task.js";
import { MOST_TOKENS, microUsd, NO_TOKENS, type Run, type Tokens } from "../domain/run.js";

/**
 * Returns the run that ended with this event, or undefined if the event ends no run.
 *
 * - A retry ends a failed run.
 * - A task that failed before any attempt started had no run.
 * - A cancelled task has a run to count only if the event reports its usage or cost.
 * - A lease that failed without a run reports the previous attempt again. So a failed run is identified by task and
 *   attempt.
 */
export function runOfEvent(event: Event): Run | undefined {
  const { data } = event;
  if (data?.$case === "taskCompleted") return run(event, { ...data.value, id: event.id, failed: false });
  if (data?.$case === "taskCancelled") {
    const { attempt, usage, costUsd } = data.value;
    if (usage === undefined && costUsd === undefined) return undefined;
    return run(event, { ...data.value, id: `${event.taskId} ${attempt}`, failed: false });
  }
  if (data?.$case !== "taskFailed" && data?.$case !== "taskRetried") return undefined;
  const { attempt } = data.value;
  const id = `${event.taskId} ${attempt}`;
  return attempt > 0 ? run(event, { ...data.value, id, failed: true }) : undefined;
}

interface Ended {
  readonly id: string;
  /** The model that answered. For a failed or cancelled run, it is the model that the task requested. */
  readonly model: string;
  readonly failed: boolean;
  readonly usage: Usage | undefined;
  readonly costUsd?: number | undefined;
}

function run(event: Event, { id, model, failed, usage, costUsd }: Ended): Run {
  return {
    id,
    endTime: event.time ?? new Date(0),
    agent: event.agentId,
    model,
    failed,
    tokens: usage === undefined ? NO_TOKENS : tokens(usage),
    costMicroUsd: microUsd(costUsd),
  };
}

/**
 * Negative or absurdly high counts come from a broken engine. They would reduce the usage of other runs, or overflow
 * the sum.
 */
function tokens(usage: Usage): Tokens {
  const count = (value: bigint): bigint => (value > 0n && value <= MOST_TOKENS ? value : 0n);
  return {
    input: count(usage.inputTokens),
    output: count(usage.outputTokens),
    cacheRead: count(usage.cacheReadTokens),
    cacheCreation: count(usage.cacheCreationTokens),
  };
}
