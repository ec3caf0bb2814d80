import type { Lease } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { recordQueueWait } from "../application/queue-wait.js";
import type { Grant } from "../domain/leases/lease-store.js";
import { loadSpec } from "../messages/task-message.js";

/** Throws when the stored task cannot be decoded. Also records how long the task waited. */
export function toLease({ task, fence, prompts, expireMs }: Grant): Lease {
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
