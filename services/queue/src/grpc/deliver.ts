import { Refusal } from "@ccsp/errors";
import type { Lease } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { ConversationHandlers } from "../conversations/handlers.js";
import type { Grant } from "../domain/leases/lease-store.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import { loadSpec } from "../messages/task-message.js";
import { recordQueueWait } from "./queue-wait.js";

export interface DeliveryDeps {
  readonly queue: Pick<Queue, "fail">;
  readonly conversations: Pick<ConversationHandlers, "ofLease">;
}

/** The leases that an executor is told of. A task whose specification or conversation cannot be read ends, and no other for it. */
export async function deliver(grants: readonly Grant[], { queue, conversations }: DeliveryDeps): Promise<Lease[]> {
  const leases = await Promise.all(
    grants.map(async (grant) => {
      try {
        return { ...toLease(grant), conversation: await conversations.ofLease(grant.task) };
      } catch (fault) {
        // Redis is away, for the others too.
        if (fault instanceof Refusal) throw fault;
        await end(grant, queue);
        return undefined;
      }
    }),
  );
  return leases.filter((lease) => lease !== undefined);
}

/** One that was not ended comes back by the next Sync, which does not name it. */
async function end({ task, fence }: Grant, queue: DeliveryDeps["queue"]): Promise<void> {
  await queue.fail(task.id, fence, UNREADABLE, {}).catch((fault: unknown) => {
    if (!(fault instanceof Refusal)) throw fault;
  });
}

function toLease({ task, fence, prompts, expireMs }: Grant): Lease {
  return {
    taskId: task.id,
    fence: BigInt(fence),
    agentId: task.agent,
    spec: loadSpec(task, prompts),
    attempt: (task.attempt ?? 0) + 1,
    expireTime: new Date(expireMs),
    traceparent: recordQueueWait(task),
    previousTraceparent: task.previous ?? "",
    conversation: undefined,
  };
}

const UNREADABLE = {
  category: "UNKNOWN_ERROR",
  message: "what is stored of the task cannot be read",
  retryable: false,
  source: "CCSP",
};
