import type { RedisClient } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { CacheConfig } from "./config.js";
import { openDiskLevel } from "./disk-level.js";
import type { Level } from "./level.js";
import { createMemoryLevel } from "./memory-level.js";
import { observeCache } from "./metrics.js";
import { createRedisLevel } from "./redis-level.js";
import { createResultCache, type ResultCache } from "./result-cache.js";

export interface CacheDeps {
  readonly redis: RedisClient;
  /** Redis' time, in ms since the epoch: the same for all replicas, because they share answers. */
  readonly now: () => number;
  readonly registry: Registry;
  readonly log: Logger;
}

/**
 * Opens the result cache of this replica. Only warns when the folder cannot be used, because everything works without
 * it.
 */
export async function openCache(config: CacheConfig, { redis, now, registry, log }: CacheDeps): Promise<ResultCache> {
  const levels: Level[] = [];
  if (config.memory.maxBytes > 0) levels.push(createMemoryLevel(config.memory));
  if (config.redis.maxBytes > 0) levels.push(createRedisLevel(redis, config.redis, now));
  if (config.dir !== undefined && config.disk.maxBytes > 0) {
    try {
      levels.push(await openDiskLevel(config.dir, config.disk, now));
    } catch (err) {
      log.warn({ err }, "CCSP_QUEUE_CACHE_DIR cannot be used; no answers are kept on disk");
    }
  }
  return createResultCache(levels, { observer: observeCache(registry), now });
}
