import { createHash } from "node:crypto";
import { Priority, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";

/** Change this when equal specs no longer give equal keys. Then no look-up finds an old answer. */
const VERSION = "1";

/**
 * The key under which a task's answer is cached. Undefined when the answer may not be cached: the task did not opt in,
 * or it is a turn of a conversation, whose answer depends on the turns before. The key is equal for tasks that are the
 * same to the engine. The whole spec counts, except fields that only say when, where and how often to run the task. So
 * a field that is added later counts too. `owner` separates the answers of one owner from those of others.
 */
export function cacheKey(owner: string, spec: TaskSpec): string | undefined {
  if (spec.cache === undefined || spec.conversation !== undefined) return undefined;
  const same = TaskSpec.encode({
    ...spec,
    priority: Priority.UNSPECIFIED,
    labels: {},
    maxAttempts: 0,
    startTime: undefined,
    startDeadline: undefined,
    retry: undefined,
    affinity: undefined,
    cache: undefined,
  }).finish();
  // An owner has no line break, so two different pairs of owner and spec never give the same text.
  return createHash("sha256").update(`${VERSION} ${owner}\n`).update(same).digest("base64url");
}
