import type { RedisClient } from "@ccsp/redis-kit";
import { createShardedStore } from "../domain/sharding/sharded-store.js";
import type { TaskStore } from "../domain/store.js";
import { queueKeys } from "./keys.js";
import { createTaskStore, type StoreOptions } from "./task-store.js";

/** The queue's state in Redis, in `shards` shards. Throws DEPENDENCY_UNAVAILABLE while Redis is away. */
export function createShards(redis: RedisClient, shards: number, options: Omit<StoreOptions, "shard">): TaskStore {
  return createShardedStore(
    Array.from({ length: shards }, (_, shard) => createTaskStore(redis, { shard, ...options })),
  );
}

/**
 * Stores the number of shards. Throws an Error that says what to do when Redis holds tasks that were stored with
 * another number. With the new number, the queue would not find an agent's tasks and request ids.
 */
export async function claimShards(redis: RedisClient, shards: number): Promise<void> {
  const { meta } = queueKeys(0);
  const written = await redis.hget(meta, "shards");
  // Usually the number is there. Then a replica of the queue can start while Redis takes no writes, as in a failover.
  if (written === String(shards)) return;
  const before = Number(written ?? 1);
  const others = before === shards ? 0 : before;
  for (let shard = 0; shard < others; shard++) {
    const tasks = await redis.hlen(queueKeys(shard).tasks);
    if (tasks === 0) continue;
    throw new Error(
      `CCSP_QUEUE_SHARDS is ${shards}, but Redis holds tasks in ${before}: set it back to ${before} and, to change it, ` +
        "let all tasks end and their retention pass first",
    );
  }
  await redis.hset(meta, "shards", shards);
}
