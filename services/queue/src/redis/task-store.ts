import { orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import { LRUCache } from "lru-cache";
import type { Bounds } from "../domain/intake/bounds.js";
import type { Room } from "../domain/intake/memory.js";
import type { TaskStore } from "../domain/store.js";
import type { Task } from "../domain/task/task.js";
import { createDueReads } from "./due-reads.js";
import { createEmergencyCalls } from "./emergency-calls.js";
import { createEnqueue, type Offering } from "./enqueue-calls.js";
import { createGateCalls } from "./gate-calls.js";
import { createLeaseCalls } from "./lease-calls.js";
import { createLimitCalls } from "./limit-calls.js";
import { createLineReads } from "./line-reads.js";
import { createListReads } from "./list-reads.js";
import { createResultChunks } from "./result-chunks.js";
import { createConfirmations, createScans } from "./scans.js";
import { createShard, type ShardOptions } from "./shard.js";
import { createSituationReads } from "./situation-reads.js";
import { createExecutorReads, createStatusReads } from "./status-reads.js";
import { createTaskCalls } from "./task-calls.js";
import { createTaskReads } from "./task-reads.js";

export interface StoreOptions extends ShardOptions {
  readonly bounds: Bounds;
  /** The longest time for which ended tasks are kept. */
  readonly retentionMs: number;
  /** Says which shards have memory for new tasks; all shards when absent. */
  readonly room?: Room;
  /** Called when tasks are sent to Redis: see `WaitingExecutors.offer`. */
  readonly offer?: Offering;
}

/**
 * This process remembers the leases that it granted, so the end of such a lease needs no read. The limit allows
 * thousands of them, more than executors hold at the same time. With the read, a done task would cost 13 % more of
 * Redis and a fifth more of this process.
 */
const MOST_REMEMBERED_BYTES = 8 * 1024 * 1024;
const RECORD_BYTES = 1024;

/** One shard of the queue's state in Redis. Throws DEPENDENCY_UNAVAILABLE while Redis is away. */
export function createTaskStore(
  redis: RedisClient,
  { bounds, retentionMs, room = UNLIMITED, offer = () => false, ...options }: StoreOptions,
): TaskStore {
  const shard = createShard(redis, options);
  const chunks = createResultChunks(shard, retentionMs);
  const memory = { isFull: () => room.isFull(options.shard), noteFull: () => room.noteFull(options.shard) };
  const enqueue = createEnqueue(shard, { bounds, memory, offer });
  const leased = new LRUCache<string, Task>({
    maxSize: MOST_REMEMBERED_BYTES,
    sizeCalculation: ({ spec }) => RECORD_BYTES + spec.length,
  });
  const others: Omit<TaskStore, "enqueue" | "enqueueAll" | "findLeased"> = {
    now: shard.now,
    knows: async (agent, requestId) => (await redis.exists(shard.keys.request(agent, requestId))) > 0,
    ...createTaskReads(shard, chunks),
    ...createTaskCalls(shard, { chunks, bounds }),
    ...createLeaseCalls(shard, leased),
    ...createDueReads(shard),
    ...createGateCalls(shard),
    ...createLimitCalls(shard),
    ...createEmergencyCalls(shard),
    ...createStatusReads(shard),
    ...createExecutorReads(shard),
    ...createSituationReads(shard),
    ...createLineReads(shard),
    ...createListReads(shard),
    ...createScans(shard),
    ...createConfirmations(shard),
  };
  const safe = guarded(redis, others);
  return {
    ...safe,
    enqueue,
    enqueueAll: enqueue.all,
    async findLeased(id, fence) {
      const task = leased.get(id);
      return task?.fence === fence ? task : safe.find(id);
    },
  };
}

const UNLIMITED: Room = { isFull: () => false, noteFull: () => undefined };

/** The same store, with each method inside `orUnavailable`. */
function guarded<S extends object>(redis: RedisClient, store: S): S {
  const methods = Object.entries(store).map(([name, method]: [string, (...args: unknown[]) => Promise<unknown>]) => [
    name,
    (...args: unknown[]) => orUnavailable(redis, () => Reflect.apply(method, store, args)),
  ]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same methods
  return Object.fromEntries(methods) as S;
}
