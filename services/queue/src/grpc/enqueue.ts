import type { EnqueueRequest, EnqueueResponse } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { TaskResult } from "@ccsp/protos/ccsp/task/v1/task.js";
import { currentTraceparent } from "@ccsp/telemetry";
import type { TaskCache } from "../cache/task-cache.js";
import type { Conversations } from "../conversations/conversations.js";
import { labelName } from "../domain/gates.js";
import type { FullTask, Queue } from "../domain/queue.js";
import { acceptTask, type SpecLimits } from "../domain/validate.js";
import { storeSpec, toTaskMessage } from "../messages/task-message.js";
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
export type Enqueue = (request: EnqueueRequest) => Promise<EnqueueResponse>;

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
    const { spec: asked, engine, class: priority, maxAttempts } = acceptTask(request, limits);
    const whole = { ...asked, engine, maxAttempts };
    const { spec, prompts, hash } = storeSpec(whole);
    const { agentId: agent, requestId } = request;
    const key = cache?.keyOf(agent, whole);
    const result = key === undefined ? undefined : await cache?.find(key, whole);
    const followed = asked.conversation && (await conversations?.follow(agent, engine, asked.conversation));
    const task = await queue.enqueue({
      ...{ id: newId(agent), agent, engine, class: priority, max: maxAttempts, spec, prompts },
      trace: currentTraceparent(),
      labels: Object.entries(asked.labels).map(([key, value]) => labelName(key, value)),
      ...(requestId !== "" && { request: { id: requestId, hash } }),
      ...(key !== undefined && { cacheKey: key }),
      ...(followed && !asked.affinity && { conditions: followed }),
      ...(result && { conditions: TO_BE_ANSWERED }),
    });
    return { task: toTaskMessage(result ? await answered(task, result) : task) };
  };
}

// An executor that cannot exist, so that nobody runs the task meanwhile; and if its answer does not come, everybody may.
const TO_BE_ANSWERED = { pin: "@cache", pinMs: 60_000 };
