import { invalidFields, type Refusal } from "@ccsp/errors";
import type { EnqueueRequest } from "@ccsp/protos/ccsp/queue/v1/submission.js";
import { TaskResult, type TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { Conversations } from "../conversations/conversations.js";
import type { IntakeStore, NewTask } from "../domain/intake/intake-store.js";
import { settleAll } from "../domain/intake/settle-all.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import { toBeAnswered } from "../domain/task/alarm.js";
import { asAgent } from "../domain/task/caller.js";
import type { FullTask } from "../domain/task/task-store.js";
import { NO_TRACES, type TaskTraces } from "../domain/task/task-traces.js";
import { cachedFacts } from "../messages/run-facts.js";
import type { Policies } from "./policies.js";
import { type Asked, type ReadDeps, readRequest } from "./read-request.js";

export interface SubmissionDeps extends ReadDeps, LookUpDeps {
  readonly queue: Pick<Queue, "enqueue" | "enqueueAll" | "answer" | "get">;
  /**
   * Called for each task that comes. It throws when the task is refused. The function that it returns is called after
   * the answer.
   */
  readonly admit?: (() => () => void) | undefined;
  readonly observer?: SubmissionObserver | undefined;
  /** Absent: no task is refused for what executors forbid. */
  readonly policies?: Policies | undefined;
  /** Knows which requests are repeated. Absent: none is. */
  readonly intake?: Pick<IntakeStore, "knows"> | undefined;
  readonly traces?: TaskTraces | undefined;
}

/** What happened, for metrics. */
export interface SubmissionObserver {
  /** A task was not stored; the caller is given this error. */
  refused(fault: unknown): void;
}

/** The only intake of new tasks, from agents and from schedules. */
export interface Submissions {
  /**
   * Throws the refusal of the RPC. `id`: the id of a new task, made by `newId`. Absent: it makes one. A repeated
   * request keeps the id of its first call.
   */
  readonly enqueue: (request: EnqueueRequest, id?: string) => Promise<Enqueued>;
  /** Makes the id of a new task of this agent. */
  readonly newId: ReadDeps["newId"];
  /** Enqueues each task on its own. Tasks that need no look-up go to Redis in one call. */
  readonly enqueueAll: (requests: readonly EnqueueRequest[]) => Promise<PromiseSettledResult<FullTask>[]>;
}

/** A task with its spec, as it is stored. */
export interface Enqueued extends FullTask {
  readonly spec: TaskSpec;
}

export function createSubmissions({
  admit = anybody,
  observer,
  policies,
  traces = NO_TRACES,
  ...deps
}: SubmissionDeps): Submissions {
  const { queue, newId, intake } = deps;
  /** Executors may have forbidden it since it was accepted. A repeated request still gets its task. */
  const onlyRepeated = async ({ task: { agent, request } }: Asked, refusal: Refusal): Promise<void> => {
    if (request === undefined || !(await intake?.knows(agent, request.id))) throw refusal;
  };
  return {
    newId,

    async enqueue(request, id) {
      let leave: (() => void) | undefined;
      try {
        leave = admit();
        const asked = readRequest(request, { trace: traces.begin(), id }, deps);
        const judging = policies?.judge([asked.spec]);
        const refusal = judging && (await judging)(asked.spec);
        if (refusal) await onlyRepeated(asked, refusal);
        const stored = await (needsLookUp(asked) ? lookUpAndStore(asked, deps) : queue.enqueue(asked.task));
        return { spec: asked.spec, ...stored };
      } catch (fault) {
        observer?.refused(fault);
        throw fault;
      } finally {
        leave?.();
      }
    },

    async enqueueAll(requests) {
      const leaves: (() => void)[] = [];
      const judging = policies?.judge(requests.flatMap(({ spec }) => spec ?? []));
      const judge = judging && (await judging);
      const plain: NewTask[] = [];
      const others = settleAll(requests, (request) => {
        leaves.push(admit());
        const asked = readRequest(request, { trace: traces.begin({ alone: true }) }, deps);
        const refusal = judge?.(asked.spec);
        if (refusal) return onlyRepeated(asked, refusal).then(() => queue.enqueue(asked.task));
        if (needsLookUp(asked)) return lookUpAndStore(asked, deps);
        plain.push(asked.task);
        return undefined;
      });
      try {
        const stored = (await queue.enqueueAll(plain)).values();
        return (await others).map((result) => {
          const settled = isSettled(result) ? result : stored.next().value;
          if (settled === undefined) throw new Error("the queue did not answer for each task");
          if (settled.status === "rejected") observer?.refused(settled.reason);
          return settled;
        });
      } finally {
        for (const leave of leaves) leave();
      }
    },
  };
}

interface LookUpDeps extends Pick<ReadDeps, "cache"> {
  readonly queue: Pick<Queue, "enqueue" | "answer" | "get">;
  /** Absent: no task continues a conversation. */
  readonly conversations?: Pick<Conversations, "follow" | "traceOf"> | undefined;
}

const needsLookUp = ({ task, spec }: Asked): boolean => task.cacheKey !== undefined || spec.conversation !== undefined;

/** Stores a task that may have a cached answer or continues a conversation. */
async function lookUpAndStore({ task, spec }: Asked, { queue, cache, conversations }: LookUpDeps): Promise<FullTask> {
  const result = task.cacheKey === undefined ? undefined : await cache?.find(task.cacheKey, spec);
  const followed = spec.conversation && (await conversations?.follow(task.agent, task.engine, spec.conversation));
  const pinned = spec.affinity ? undefined : followed?.conditions;
  const own = pinned ? { ...task.conditions, ...pinned } : task.conditions;
  const conditions = result ? toBeAnswered(own) : own;
  const follows = followed && task.trace !== undefined ? await conversations?.traceOf(followed.head) : undefined;
  const stored = await queue.enqueue({ ...task, ...(conditions && { conditions }), ...(follows && { follows }) });
  return result ? answered(stored, result, queue) : stored;
}

async function answered(task: FullTask, result: TaskResult, queue: LookUpDeps["queue"]): Promise<FullTask> {
  try {
    await queue.answer(task.task.id, TaskResult.encode(result).finish(), cachedFacts(result));
    return await queue.get(task.task.id, asAgent(task.task.agent));
  } catch {
    // The task is accepted, so the call does not fail. After a minute, the task waits like any other (see
    // `toBeAnswered`).
    return task;
  }
}

const isSettled = <T>(result: PromiseSettledResult<T | undefined>): result is PromiseSettledResult<T> =>
  result.status === "rejected" || result.value !== undefined;

const anybody = () => () => undefined;

const MAX_BATCH = 1_000;

/**
 * Enqueues each task of a batch on its own. The results have the order of the tasks. Throws INVALID_FIELD for the batch
 * itself.
 */
export async function enqueueBatch(
  submissions: Pick<Submissions, "enqueueAll">,
  { agentId, items }: { readonly agentId: string; readonly items: readonly Omit<EnqueueRequest, "agentId">[] },
): Promise<PromiseSettledResult<FullTask>[]> {
  if (items.length === 0 || items.length > MAX_BATCH) {
    // Agents know it by this name, and the gateway passes it on.
    throw invalidFields([{ field: "tasks", description: `has ${items.length}, not 1 to ${MAX_BATCH}` }]);
  }
  return submissions.enqueueAll(items.map(({ spec, requestId }) => ({ agentId, spec, requestId })));
}
