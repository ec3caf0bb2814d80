import type { EnqueueRequest, EnqueueResponse } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { currentTraceparent } from "@ccsp/telemetry";
import type { Queue } from "../domain/queue.js";
import { acceptTask, type SpecLimits } from "../domain/validate.js";
import { storeSpec, toTaskMessage } from "../messages/task-message.js";

export interface EnqueueDeps {
  readonly queue: Queue;
  readonly limits: SpecLimits;
  /** The id of a new task of this agent. */
  readonly newId: (agent: string) => string;
}

/** The door: every task comes in here, whether an agent or a schedule brings it. Throws what the RPC fails with. */
export type Enqueue = (request: EnqueueRequest) => Promise<EnqueueResponse>;

export function createEnqueue({ queue, limits, newId }: EnqueueDeps): Enqueue {
  return async (request) => {
    const { spec: asked, engine, class: priority, maxAttempts } = acceptTask(request, limits);
    const { spec, prompts, hash } = storeSpec({ ...asked, engine, maxAttempts });
    const { agentId: agent, requestId } = request;
    const task = await queue.enqueue({
      ...{ id: newId(agent), agent, engine, class: priority, max: maxAttempts, spec, prompts },
      trace: currentTraceparent(),
      ...(requestId !== "" && { request: { id: requestId, hash } }),
    });
    return { task: toTaskMessage(task) };
  };
}
