import { Refusal } from "@ccsp/errors";
import type { Grant } from "../domain/leases/lease-store.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import type { Failure } from "../domain/task/task.js";

/**
 * What an executor is told of its grants, as `read` has them. A task whose specification or conversation cannot be read ends, and no other
 * for it.
 */
export async function deliver<L>(
  grants: readonly Grant[],
  read: (grant: Grant) => Promise<L>,
  queue: Pick<Queue, "fail">,
): Promise<L[]> {
  const told = await Promise.all(
    grants.map(async (grant) => {
      try {
        return [await read(grant)];
      } catch (fault) {
        // Redis is away, for the others too.
        if (fault instanceof Refusal) throw fault;
        await end(grant, queue);
        return [];
      }
    }),
  );
  return told.flat();
}

/** One that was not ended comes back by the next Sync, which does not name it. */
async function end({ task, fence }: Grant, queue: Pick<Queue, "fail">): Promise<void> {
  await queue.fail(task.id, fence, UNREADABLE, {}).catch((fault: unknown) => {
    if (!(fault instanceof Refusal)) throw fault;
  });
}

const UNREADABLE: Failure = {
  category: "UNKNOWN_ERROR",
  message: "what is stored of the task cannot be read",
  retryable: false,
  source: "CCSP",
};
