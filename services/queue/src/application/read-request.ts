import type { EnqueueRequest } from "@ccsp/protos/ccsp/queue/v1/submission.js";
import type { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { TaskCache } from "../cache/task-cache.js";
import type { NewTask } from "../domain/intake/intake-store.js";
import { acceptSpec, conditionsOf, type SpecLimits } from "../domain/intake/validate.js";
import { labelName } from "../domain/task/labels.js";
import type { TaskTrace } from "../domain/task/task-traces.js";
import { retryOf } from "../messages/failure.js";
import { storeSpec, type Writable } from "../messages/task-message.js";
import { classOf } from "../messages/words.js";

/** A valid request. */
export interface Asked {
  readonly task: NewTask;
  /** The spec with its defaults filled in, as it is stored. */
  readonly spec: TaskSpec;
}

export interface ReadDeps {
  readonly limits: SpecLimits;
  /** Makes the id of a new task of this agent. */
  readonly newId: (agent: string) => string;
  /** Absent: no task is answered from the cache. */
  readonly cache?: TaskCache | undefined;
}

/**
 * Reads the task that a request asks for. `id` is its id. Absent: it gets a new id. Throws INVALID_FIELD and
 * ENGINE_UNKNOWN.
 */
export function readRequest(
  request: EnqueueRequest,
  { trace, id }: { readonly trace: TaskTrace | undefined; readonly id?: string | undefined },
  { limits, newId, cache }: ReadDeps,
): Asked {
  const spec = acceptSpec(request, limits);
  const { agentId: agent, requestId } = request;
  const stored = storeSpec(spec, requestId);
  const task: Writable<NewTask> = {
    id: id ?? newId(agent),
    agent,
    engine: spec.engine,
    class: classOf(spec.priority) ?? "normal",
    max: spec.maxAttempts,
    spec: stored.spec,
    prompts: stored.prompts,
  };
  // The fields are set one by one because this runs for every task of a batch. To spread mostly absent fields is slow.
  const labels = Object.entries(spec.labels);
  if (labels.length > 0) task.labels = labels.map(([name, value]) => labelName(name, value));
  if (spec.model !== "") task.model = labelName(spec.model);
  if (trace !== undefined) {
    task.trace = trace.trace;
    task.parent = trace.parent;
  }
  if (spec.retry) task.retry = retryOf(spec.retry);
  if (spec.startTime) task.start = spec.startTime.getTime();
  const conditions = conditionsOf(spec);
  if (conditions) task.conditions = conditions;
  if (stored.request) task.request = stored.request;
  const cacheKey = cache?.keyOf(agent, spec);
  if (cacheKey !== undefined) task.cacheKey = cacheKey;
  return { task, spec };
}
