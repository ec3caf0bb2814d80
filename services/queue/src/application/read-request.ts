import type { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { TaskCache } from "../cache/task-cache.js";
import type { NewTask } from "../domain/intake/intake-store.js";
import { acceptTask, type SpecLimits } from "../domain/intake/validate.js";
import { labelName } from "../domain/task/labels.js";
import { retryOf } from "../messages/failure.js";
import { storeSpec } from "../messages/task-message.js";

/** What an agent or a schedule asks for. */
export interface TaskRequest {
  readonly agentId: string;
  /** Empty: the call cannot be repeated. */
  readonly requestId: string;
  readonly spec: TaskSpec | undefined;
}

/** A request that was found good. */
export interface Asked {
  readonly task: NewTask;
  /** With the defaults filled in, which is how it is stored. */
  readonly spec: TaskSpec;
}

export interface ReadDeps {
  readonly limits: SpecLimits;
  /** The id of a new task of this agent. */
  readonly newId: (agent: string) => string;
  /** Absent: every task is run. */
  readonly cache?: TaskCache | undefined;
}

/** The task that a request asks for. `id`: the task's; a new one when it is absent. Throws INVALID_FIELD and ENGINE_UNKNOWN. */
export function readRequest(
  request: TaskRequest,
  { trace, id }: { readonly trace: string; readonly id?: string | undefined },
  { limits, newId, cache }: ReadDeps,
): Asked {
  const { spec: asked, engine, class: priority, maxAttempts, start, conditions } = acceptTask(request, limits);
  const whole = { ...asked, engine, maxAttempts };
  const { spec, prompts, hash, otherHash } = storeSpec(whole);
  const { agentId: agent, requestId } = request;
  const cacheKey = cache?.keyOf(agent, whole);
  const task: Writable<NewTask> = {
    id: id ?? newId(agent),
    agent,
    engine,
    class: priority,
    max: maxAttempts,
    spec,
    prompts,
    trace,
    labels: Object.entries(asked.labels).map(([name, value]) => labelName(name, value)),
  };
  // Set one by one: this runs for every task of a batch, and spreading what is mostly absent is slow.
  if (start !== undefined) task.start = start;
  if (conditions) task.conditions = conditions;
  if (asked.retry) task.retry = retryOf(asked.retry);
  if (requestId !== "") task.request = { id: requestId, hash: hash(), otherHash };
  if (cacheKey !== undefined) task.cacheKey = cacheKey;
  return { task, spec: whole };
}

type Writable<T> = { -readonly [F in keyof T]: T[F] };
