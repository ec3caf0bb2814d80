import type { EnqueueRequest } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { TaskCache } from "../cache/task-cache.js";
import type { NewTask } from "../domain/intake/intake-store.js";
import { acceptTask, type SpecLimits } from "../domain/intake/validate.js";
import { labelName } from "../domain/task/labels.js";
import { retryOf } from "../messages/failure.js";
import { storeSpec } from "../messages/task-message.js";

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
  { trace, id }: { readonly trace: string; readonly id?: string | undefined },
  { limits, newId, cache }: ReadDeps,
): Asked {
  const { spec, task: accepted } = acceptTask(request, limits);
  const { agentId: agent, requestId } = request;
  const cacheKey = cache?.keyOf(agent, spec);
  const { spec: rest, prompts, hash, otherHash } = storeSpec(spec);
  const task: Writable<NewTask> = Object.assign(accepted, { id: id ?? newId(agent), spec: rest, prompts });
  // The fields are set one by one because this runs for every task of a batch. To spread mostly absent fields is slow.
  const labels = Object.entries(spec.labels);
  if (labels.length > 0) task.labels = labels.map(([name, value]) => labelName(name, value));
  if (trace !== "") task.trace = trace;
  if (spec.retry) task.retry = retryOf(spec.retry);
  if (requestId !== "") task.request = { id: requestId, hash: hash(), otherHash };
  if (cacheKey !== undefined) task.cacheKey = cacheKey;
  return { task, spec };
}

type Writable<T> = { -readonly [F in keyof T]: T[F] };
