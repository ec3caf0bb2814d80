import type { RedisClient } from "@ccsp/redis-kit";
import { cacheKeys } from "../redis/keys.js";
import type { LevelConfig } from "./config.js";
import { decodeAnswer, encodeAnswer, type Level } from "./level.js";

/**
 * Answers in Redis, for all replicas. Redis is to hold the queue first, and evicts nothing, so what is written in one TTL is
 * bounded; at most twice as much is there at a time.
 */
export function createRedisLevel(redis: RedisClient, { ttlMs, maxBytes }: LevelConfig, now: () => number): Level {
  return {
    name: "redis",
    async find(key) {
      const bytes = await redis.getBuffer(cacheKeys.answer(key));
      return bytes === null ? undefined : decodeAnswer(bytes);
    },
    async put(key, answer) {
      const bytes = encodeAnswer(answer);
      const budget = cacheKeys.bytes(Math.floor(now() / ttlMs));
      const [[, written] = []] =
        (await redis
          .multi()
          .incrby(budget, bytes.byteLength)
          .pexpire(budget, 2 * ttlMs)
          .exec()) ?? [];
      if (!(Number(written) <= maxBytes)) {
        // What is smaller may still fit.
        await redis.decrby(budget, bytes.byteLength);
        return "full";
      }
      await redis.set(cacheKeys.answer(key), bytes, "PX", ttlMs);
      return "stored";
    },
  };
}
