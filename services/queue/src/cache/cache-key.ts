import { createHash } from "node:crypto";
import { Priority, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";

/** What changes when equal specs no longer mean equal keys, so that nothing old is found. */
const VERSION = "1";

/**
 * The key under which a task's answer is cached; undefined when it may not be: it did not opt in, or it is a turn of a
 * conversation, whose answer depends on the turns before. Equal for tasks that are the same to the engine: all of the spec
 * counts but what only says when, where and how often to run it, so a field that is added later counts too.
 * `owner` keeps the answers of one apart from those of others.
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
  // An owner has no line break, so no two pairs are one text.
  return createHash("sha256").update(`${VERSION} ${owner}\n`).update(same).digest("base64url");
}
