import { TaskResult, type TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { cacheKey } from "./cache-key.js";
import type { ResultCache } from "./result-cache.js";

/** The result cache, as seen from tasks. No method throws. */
export interface TaskCache {
  /** Undefined: the task's answer must not be cached. */
  keyOf(agent: string, spec: TaskSpec): string | undefined;
  /** A cached answer that meets the task's conditions. Undefined: the task has to run. */
  find(key: string, spec: TaskSpec): Promise<TaskResult | undefined>;
  /** Stores the result of a run. No caller waits for it. */
  keep(key: string, result: TaskResult): void;
}

/** `shared`: an answer of one agent may be given to every agent. `now`: the clock that decides when a task starts. */
export function createTaskCache(
  answers: ResultCache,
  { shared, now }: { readonly shared: boolean; readonly now: () => number },
): TaskCache {
  return {
    keyOf: (agent, spec) => cacheKey(shared ? "" : agent, spec),

    async find(key, { cache, startTime }) {
      // The task starts later. By then the answer would be old.
      if (startTime !== undefined && startTime.getTime() > now()) return undefined;
      const answer = await answers.find(key, cache?.maxAge && durationMs(cache.maxAge));
      return answer && TaskResult.decode(answer.result);
    },

    keep(key, result) {
      // These facts of the queue are about the task that ran. And no task may continue the conversation of a cached
      // answer.
      const own = { queueWait: undefined, executorId: "", conversationId: "" };
      void answers.put(key, TaskResult.encode({ ...result, ...own, cached: true }).finish());
    },
  };
}
