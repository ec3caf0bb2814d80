import { orUnavailable, type RedisClient } from "@ccsp/redis-kit";

/** A clock that is set has run on by itself for at most this long. */
const SET_EVERY_MS = 10_000;

/**
 * Returns a clock that shows the time of Redis, so that monitors whose own clocks differ agree on how long something
 * was silent. It asks Redis every 10 s, and rejects with UNAVAILABLE while Redis is away.
 */
export function redisClock(redis: RedisClient): () => Promise<Date> {
  let set: { readonly redisMs: number; readonly atMs: number } | undefined;
  return async () => {
    if (set === undefined || performance.now() - set.atMs >= SET_EVERY_MS) {
      // INFO, and not TIME: the users of Redis of 0.3.0 may not call TIME.
      const text = await orUnavailable(redis, () => redis.info("server"));
      const [, micros] = /^server_time_usec:(\d+)/m.exec(text) ?? [];
      set = { redisMs: micros === undefined ? Date.now() : Number(micros) / 1_000, atMs: performance.now() };
    }
    return new Date(set.redisMs + performance.now() - set.atMs);
  };
}
