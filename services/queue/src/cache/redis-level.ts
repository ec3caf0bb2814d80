import type { RedisClient } from "@ccsp/redis-kit";
import { cacheKeys } from "../redis/keys.js";
import type { LevelConfig } from "./config.js";
import { decodeAnswer, encodeAnswer, type Level } from "./level.js";

/**
 * Answers in Redis, for all replicas. Redis evicts nothing, and its memory is for the queue first. So there is a bound
 * on the bytes that are written in one TTL, and Redis holds at most twice the bound at one time.
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
        // Gives the bytes back to the budget, because a smaller answer may still fit.
        await redis.decrby(budget, bytes.byteLength);
        return "full";
      }
      await redis.set(cacheKeys.answer(key), bytes, "PX", ttlMs);
      return "stored";
    },
  };
}
