import { invalidFields } from "@ccsp/errors";
import { TaskResult, type TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { currentTraceparent } from "@ccsp/telemetry";
import type { TaskCache } from "../cache/task-cache.js";
import type { Conversations } from "../conversations/conversations.js";
import type { NewTask } from "../domain/intake/intake-store.js";
import { settleAll } from "../domain/intake/settle-all.js";
import { acceptTask, type SpecLimits } from "../domain/intake/validate.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import { toBeAnswered } from "../domain/task/alarm.js";
import { labelName } from "../domain/task/labels.js";
import type { FullTask } from "../domain/task/task-store.js";
import { retryOf } from "../messages/failure.js";
import { cachedFacts } from "../messages/run-facts.js";
import { storeSpec } from "../messages/task-message.js";

export interface SubmissionDeps {
  readonly queue: Pick<Queue, "enqueue" | "enqueueAll" | "answer" | "get">;
  readonly limits: SpecLimits;
  readonly newId: Submissions["newId"];
  /** Called for each task that comes; throws when it may not. What it returns is called when the task is answered. */
  readonly admit?: (() => () => void) | undefined;
  /** Absent: every task is run. */
  readonly cache?: TaskCache | undefined;
  /** Absent: no task goes on with another. */
  readonly conversations?: Pick<Conversations, "follow"> | undefined;
}

/** What somebody asks for. */
export interface TaskRequest {
  readonly agentId: string;
  /** Empty: the call cannot be repeated. */
  readonly requestId: string;
  readonly spec: TaskSpec | undefined;
}

/** The one way in for new tasks, of agents and of schedules. */
export interface Submissions {
  /** Throws what the RPC fails with. `id`: the task's, unless it was accepted before; one of `newId` by itself. */
  readonly enqueue: (request: TaskRequest, id?: string) => Promise<Enqueued>;
  /** The id of a new task of this agent. */
  readonly newId: (agent: string) => string;
  /** Each for itself, those that need nothing else together into Redis. */
  readonly enqueueAll: (requests: readonly TaskRequest[]) => Promise<PromiseSettledResult<FullTask>[]>;
}

/** A task, with its spec as it was asked for, which is how it is stored. */
export interface Enqueued extends FullTask {
  readonly spec: TaskSpec;
}

/** A request that was found good. */
interface Asked {
  readonly task: NewTask;
  readonly spec: TaskSpec;
  /** Of the result cache. */
  readonly key: string | undefined;
}

export function createSubmissions({
  queue,
  limits,
  newId,
  admit = anybody,
  cache,
  conversations,
}: SubmissionDeps): Submissions {
  const read = (request: TaskRequest, trace: string, id?: string): Asked => {
    const { spec: asked, engine, class: priority, maxAttempts, start, conditions } = acceptTask(request, limits);
    const whole = { ...asked, engine, maxAttempts };
    const { spec, prompts, hash, otherHash } = storeSpec(whole);
    const { agentId: agent, requestId } = request;
    const key = cache?.keyOf(agent, whole);
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
    if (key !== undefined) task.cacheKey = key;
    return { task, spec: whole, key };
  };

  const needsLookUp = ({ spec, key }: Asked): boolean => key !== undefined || spec.conversation !== undefined;

  const lookUpAndStore = async ({ task, spec, key }: Asked): Promise<FullTask> => {
    const result = key === undefined ? undefined : await cache?.find(key, spec);
    const followed = spec.conversation && (await conversations?.follow(task.agent, task.engine, spec.conversation));
    const own = spec.affinity || !followed ? task.conditions : { ...task.conditions, ...followed };
    const conditions = result ? toBeAnswered(own) : own;
    const stored = await queue.enqueue(conditions ? { ...task, conditions } : task);
    return result ? answered(stored, result) : stored;
  };

  const answered = async (task: FullTask, result: TaskResult): Promise<FullTask> => {
    const { id, agent } = task.task;
    try {
      await queue.answer(id, TaskResult.encode(result).finish(), cachedFacts(result));
      return await queue.get(id, agent);
    } catch {
      // It was accepted: after a minute it waits like any other.
      return task;
    }
  };

  return {
    newId,

    async enqueue(request, id) {
      const leave = admit();
      try {
        const asked = read(request, currentTraceparent(), id);
        const stored = await (needsLookUp(asked) ? lookUpAndStore(asked) : queue.enqueue(asked.task));
        return { spec: asked.spec, ...stored };
      } finally {
        leave();
      }
    },

    async enqueueAll(requests) {
      const trace = currentTraceparent();
      const leaves: (() => void)[] = [];
      const plain: NewTask[] = [];
      const others = settleAll(requests, (request) => {
        leaves.push(admit());
        const asked = read(request, trace);
        if (needsLookUp(asked)) return lookUpAndStore(asked);
        plain.push(asked.task);
        return undefined;
      });
      try {
        const stored = (await queue.enqueueAll(plain)).values();
        return (await others).map((result) => {
          const settled = isSettled(result) ? result : stored.next().value;
          if (settled === undefined) throw new Error("the queue did not answer for each task");
          return settled;
        });
      } finally {
        for (const leave of leaves) leave();
      }
    },
  };
}

const isSettled = <T>(result: PromiseSettledResult<T | undefined>): result is PromiseSettledResult<T> =>
  result.status === "rejected" || result.value !== undefined;

type Writable<T> = { -readonly [F in keyof T]: T[F] };
const anybody = () => () => undefined;

const MAX_BATCH = 1_000;

/** Each task of a batch for itself, in their order. Throws INVALID_FIELD for the batch itself. */
export async function enqueueBatch(
  submissions: Pick<Submissions, "enqueueAll">,
  { agentId, items }: { readonly agentId: string; readonly items: readonly Omit<TaskRequest, "agentId">[] },
): Promise<PromiseSettledResult<FullTask>[]> {
  if (items.length === 0 || items.length > MAX_BATCH) {
    throw invalidFields([{ field: "items", description: `has ${items.length} tasks, not 1 to ${MAX_BATCH}` }]);
  }
  return submissions.enqueueAll(items.map(({ spec, requestId }) => ({ agentId, spec, requestId })));
}
