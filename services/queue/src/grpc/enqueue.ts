import { invalidFields, Refusal } from "@ccsp/errors";
import type {
  EnqueueBatchRequest,
  EnqueueBatchResponse,
  EnqueueOutcome,
  EnqueueRequest,
} from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { TaskResult } from "@ccsp/protos/ccsp/task/v1/task.js";
import { currentTraceparent } from "@ccsp/telemetry";
import type { TaskCache } from "../cache/task-cache.js";
import type { Conversations } from "../conversations/conversations.js";
import { labelName } from "../domain/gates.js";
import type { FullTask, Queue } from "../domain/queue.js";
import { acceptTask, type SpecLimits } from "../domain/validate.js";
import { toDuration } from "../messages/duration.js";
import { retryOf } from "../messages/failure.js";
import { storeSpec } from "../messages/task-message.js";
import { cachedFacts } from "./requests.js";

export interface EnqueueDeps {
  readonly queue: Queue;
  readonly limits: SpecLimits;
  /** The id of a new task of this agent. */
  readonly newId: (agent: string) => string;
  /** Absent: every task is run. */
  readonly cache?: TaskCache | undefined;
  /** Absent: no task goes on with another. */
  readonly conversations?: Pick<Conversations, "follow"> | undefined;
}

/** The door: every task comes in here, whether an agent or a schedule brings it. Throws what the RPC fails with. */
export type Enqueue = (request: EnqueueRequest) => Promise<FullTask>;

export function createEnqueue({ queue, limits, newId, cache, conversations }: EnqueueDeps): Enqueue {
  const answered = async (task: FullTask, result: TaskResult): Promise<FullTask> => {
    const { id, agent } = task.task;
    try {
      await queue.answer(id, TaskResult.encode(result).finish(), cachedFacts(result));
      return await queue.get(id, agent);
    } catch {
      // It was accepted: after a while it is run like any other.
      return task;
    }
  };

  return async (request) => {
    const { spec: asked, engine, class: priority, maxAttempts, ...when } = acceptTask(request, limits);
    const whole = { ...asked, engine, maxAttempts };
    const { spec, prompts, hash } = storeSpec(whole);
    const { agentId: agent, requestId } = request;
    const key = cache?.keyOf(agent, whole);
    const result = key === undefined ? undefined : await cache?.find(key, whole);
    const followed = asked.conversation && (await conversations?.follow(agent, engine, asked.conversation));
    const place = result ? TO_BE_ANSWERED : asked.affinity ? undefined : followed;
    const task = await queue.enqueue({
      ...{ id: newId(agent), agent, engine, class: priority, max: maxAttempts, spec, prompts },
      ...when,
      trace: currentTraceparent(),
      labels: Object.entries(asked.labels).map(([key, value]) => labelName(key, value)),
      ...(asked.retry && { retry: retryOf(asked.retry) }),
      ...(requestId !== "" && { request: { id: requestId, hash: hash() } }),
      ...(key !== undefined && { cacheKey: key }),
      ...(place && { conditions: { ...when.conditions, ...place } }),
    });
    return result ? answered(task, result) : task;
  };
}

// An executor that cannot exist, so that nobody runs the task meanwhile; and if its answer does not come, everybody may.
const TO_BE_ANSWERED = { pin: "@cache", pinMs: 60_000 };

const MAX_BATCH = 1_000;

/**
 * Each item through the door by itself; those of one engine go into Redis together. Throws INVALID_FIELD for the batch itself, and
 * what is a fault of ours.
 */
export async function enqueueBatch(
  enqueue: Enqueue,
  { agentId, items }: EnqueueBatchRequest,
): Promise<EnqueueBatchResponse> {
  if (items.length === 0 || items.length > MAX_BATCH) {
    throw invalidFields([{ field: "items", description: `has ${items.length} tasks, not 1 to ${MAX_BATCH}` }]);
  }
  const settled = await Promise.allSettled(items.map(({ spec, requestId }) => enqueue({ agentId, spec, requestId })));
  return { outcomes: settled.map(outcomeOf) };
}

function outcomeOf(settled: PromiseSettledResult<FullTask>): EnqueueOutcome {
  if (settled.status === "fulfilled") return { outcome: { $case: "taskId", value: settled.value.task.id } };
  const fault: unknown = settled.reason;
  if (!(fault instanceof Refusal)) throw fault;
  const { reason, message, retryAfterMs } = fault;
  const retryAfter = retryAfterMs === undefined ? undefined : toDuration(retryAfterMs);
  return { outcome: { $case: "refused", value: { reason, message, retryAfter } } };
}
