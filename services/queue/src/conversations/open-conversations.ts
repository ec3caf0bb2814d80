import type { RedisClient } from "@ccsp/redis-kit";
import type { ExecutorStore } from "../domain/executors/executor-store.js";
import type { TaskReads } from "../domain/task/task-store.js";
import type { ConversationConfig } from "./config.js";
import { createConversationStore } from "./conversation-store.js";
import { createConversations } from "./conversations.js";
import { createTaskConversations, type TaskConversations } from "./task-conversations.js";

export interface ConversationDeps {
  readonly redis: RedisClient;
  readonly tasks: TaskReads & ExecutorStore;
  /** A shard's share of a bound on all shards. */
  readonly share: (all: number) => number;
}

/** Opens conversations for this replica. Nothing is kept in memory. */
export function openConversations(
  { keptMs, transcriptBytes, affinityMs }: ConversationConfig,
  { redis, tasks, share }: ConversationDeps,
): TaskConversations {
  const store = createConversationStore(redis, { keptMs, shardBytes: share(transcriptBytes) });
  return createTaskConversations(createConversations({ store, tasks, affinityMs }), tasks);
}
