import { TaskResult, type TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs } from "../messages/duration.js";
import { cacheKey } from "./cache-key.js";
import type { ResultCache } from "./result-cache.js";

/** The result cache as tasks see it. Nothing here throws. */
export interface TaskCache {
  /** Undefined: the task's answer is not to be cached. */
  keyOf(agent: string, spec: TaskSpec): string | undefined;
  /** An answer that is good enough for the task; undefined when it has to run. */
  find(key: string, spec: TaskSpec): Promise<TaskResult | undefined>;
  /** Keeps what a run brought, without making anybody wait. */
  keep(key: string, result: TaskResult): void;
}

/** `shared`: an answer is good for every agent. `now`: by the clock that decides when a task starts. */
export function createTaskCache(
  answers: ResultCache,
  { shared, now }: { readonly shared: boolean; readonly now: () => number },
): TaskCache {
  return {
    keyOf: (agent, spec) => cacheKey(shared ? "" : agent, spec),

    async find(key, { cache, startTime }) {
      // By then the answer would be an old one.
      if (startTime !== undefined && startTime.getTime() > now()) return undefined;
      const answer = await answers.find(key, cache?.maxAge && durationMs(cache.maxAge));
      return answer && TaskResult.decode(answer.result);
    },

    keep(key, result) {
      // What the queue says of a run is about that task, and nobody goes on with its conversation.
      const own = { queueWait: undefined, executorId: "", conversationId: "" };
      void answers.put(key, TaskResult.encode({ ...result, ...own, cached: true }).finish());
    },
  };
}
