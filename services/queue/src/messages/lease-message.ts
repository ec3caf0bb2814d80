import type { Lease } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Grant } from "../domain/leases/lease-store.js";
import { loadSpec } from "./task-message.js";

/** A lease without what the application adds. Throws when the stored task cannot be decoded. */
export function toLease({ task, fence, prompts, expireMs }: Grant): Omit<Lease, "traceparent" | "conversation"> {
  return {
    taskId: task.id,
    fence: BigInt(fence),
    agentId: task.agent,
    spec: loadSpec(task, prompts),
    attempt: (task.attempt ?? 0) + 1,
    expireTime: new Date(expireMs),
    previousTraceparent: task.previous ?? "",
  };
}
