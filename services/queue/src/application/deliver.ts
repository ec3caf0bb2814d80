import { Refusal } from "@ccsp/errors";
import type { Grant } from "../domain/leases/lease-store.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import type { Failure } from "../domain/task/task.js";
import type { TaskSpans } from "./task-spans.js";

/**
 * Reads each grant with `read`, for the answer to an executor, and records how long its task waited. `traceparent` is
 * the parent of the attempt: the task's span. When the spec or the conversation of a task cannot be read, only this
 * task ends, and the other grants are returned.
 */
export async function deliver<L>(
  grants: readonly Grant[],
  read: (grant: Grant) => Promise<L>,
  { queue, traces }: { readonly queue: Pick<Queue, "fail">; readonly traces: Pick<TaskSpans, "leased"> },
): Promise<(L & { readonly traceparent: string })[]> {
  const told = await Promise.all(
    grants.map(async (grant) => {
      try {
        const lease = await read(grant);
        if (!grant.again) traces.leased(grant.task);
        return [{ ...lease, traceparent: grant.task.trace ?? "" }];
      } catch (fault) {
        // Redis is away, so the other grants cannot be read either.
        if (fault instanceof Refusal) throw fault;
        await end(grant, queue);
        return [];
      }
    }),
  );
  return told.flat();
}

/**
 * Ends a task that cannot be read. If this fails, the next Sync takes the lease back, because the executor does not
 * name it.
 */
async function end({ task, fence }: Grant, queue: Pick<Queue, "fail">): Promise<void> {
  await queue.fail(task.id, fence, UNREADABLE, {}).catch((fault: unknown) => {
    if (!(fault instanceof Refusal)) throw fault;
  });
}

const UNREADABLE: Failure = {
  category: "UNKNOWN_ERROR",
  message: "the stored task cannot be read",
  retryable: false,
  source: "CCSP",
};
