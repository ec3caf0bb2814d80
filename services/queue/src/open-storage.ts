import type { ServiceContext } from "@ccsp/lifecycle";
import { openRedis } from "@ccsp/redis-kit";
import { watchClockAhead } from "@ccsp/telemetry";
import type { Registry } from "prom-client";
import type { QueueConfig } from "./config.js";
import { boundsOfShard } from "./domain/intake/bounds.js";
import { createWaitingExecutors } from "./domain/leases/waiting-executors.js";
import { checkMemory, watchMemory } from "./memory-watch.js";
import { claimFormat } from "./redis/format.js";
import { createMemoryReads } from "./redis/memory.js";
import { openRedisClock } from "./redis/redis-clock.js";
import { createReplicas } from "./redis/replicas.js";
import { replicated, warnOfUnasked } from "./redis/replicated.js";
import { claimShards, createShards } from "./redis/shards.js";
import { openWakes } from "./redis/wakes.js";

/** Opens Redis and everything that is built on it: the store of all shards, the clock, and the wake-ups. */
export async function openStorage(
  config: QueueConfig,
  {
    open,
    log,
    stopping,
    registry,
  }: Pick<ServiceContext, "open" | "log" | "stopping"> & { readonly registry: Registry },
) {
  const { shards, engines, retentionMs } = config;
  const redis = await open("redis", openRedis(config.redis, { log, name: "queue", stopping }));
  const wakes = await open("wakes", openWakes(await redis.duplicate(), redis.client));
  const waitingExecutors = await open("waiting executors", createWaitingExecutors(wakes, engines));
  await redis.atStart(async () => {
    await claimFormat(redis.client);
    await claimShards(redis.client, shards);
  });
  const memoryReads = createMemoryReads(redis.client, shards);
  await checkMemory(memoryReads, config, log);
  const room = await open("memory watch", watchMemory({ reads: memoryReads, registry, log }));
  const bounds = boundsOfShard(config.bounds, shards);
  const { offer } = waitingExecutors;
  const local = createShards(redis.client, shards, { engines, bounds, retentionMs, room, offer });
  const replicas = config.durability === "local" ? undefined : createReplicas(await redis.duplicate(), config.replicas);
  if (replicas) await warnOfUnasked(redis.client, config.replicas, log);
  const store = replicas ? replicated(local, replicas) : local;
  const onAhead = watchClockAhead(registry, { service: "queue", of: "Redis'", log });
  const clock = await open("clock", openRedisClock({ read: () => store.now(""), onAhead }));
  return { redis, wakes, waitingExecutors, room, replicas, store, clock };
}

export type Storage = Awaited<ReturnType<typeof openStorage>>;
