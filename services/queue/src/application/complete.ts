import { invalidFields } from "@ccsp/errors";
import { MOST_RESULT_BYTES } from "@ccsp/protos/bounds.js";
import { TaskResult } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { WindowSignal } from "@ccsp/protos/ccsp/usage/v1/window.js";
import type { TaskCache } from "../cache/task-cache.js";
import type { TaskConversations } from "../conversations/task-conversations.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import { resultFacts } from "../messages/run-facts.js";
import type { RunLearner } from "./run-learner.js";

interface CompleteDeps {
  readonly queue: Pick<Queue, "complete">;
  readonly conversations: Pick<TaskConversations, "ofResult">;
  /** Absent: no answer is cached. */
  readonly cache?: TaskCache | undefined;
  readonly learn: RunLearner;
}

/** What the holder of a lease reports about a run that succeeded. */
export interface Completion {
  readonly taskId: string;
  readonly fence: number;
  readonly result: TaskResult | undefined;
  /** Empty: the task is not part of a conversation. */
  readonly engineConversationId: string;
  readonly transcriptFault: string;
  /** What the run said of the usage windows of its login. */
  readonly windows: readonly WindowSignal[];
}

export type Complete = ReturnType<typeof createComplete>;

/**
 * Ends a task with its result, and passes the result to the conversation, the cache and the estimates. Throws
 * LEASE_LOST and INVALID_FIELD.
 */
export function createComplete({ queue, conversations, cache, learn }: CompleteDeps) {
  return async (completion: Completion): Promise<void> => {
    const turn = await conversations.ofResult(completion);
    const { result, bytes } = storedResult(completion, turn?.conversationId ?? "");
    const task = await queue.complete(
      completion.taskId,
      completion.fence,
      bytes,
      resultFacts(result, completion.windows),
    );
    await turn?.done();
    if (task.cacheKey !== undefined) cache?.keep(task.cacheKey, result);
    learn(task, result);
  };
}

/** The result as it is stored: with the id of its conversation. Throws INVALID_FIELD. */
function storedResult({ result: told }: Completion, conversationId: string): { result: TaskResult; bytes: Uint8Array } {
  if (told === undefined) throw invalidFields([{ field: "result", description: "is missing" }]);
  const result = { ...told, conversationId };
  const bytes = TaskResult.encode(result).finish();
  if (bytes.byteLength > MOST_RESULT_BYTES) {
    throw invalidFields([
      { field: "result", description: `has ${bytes.byteLength} bytes, at most ${MOST_RESULT_BYTES}` },
    ]);
  }
  return { result, bytes };
}
