import type { RedisClient } from "@ccsp/redis-kit";
import { type QueueKeys, queueKeys } from "./keys.js";
import { bindScripts, type Scripts } from "./scripts.js";

/** One shard in Redis. Each port of its store is made from this. */
export interface Shard {
  readonly redis: RedisClient;
  readonly keys: QueueKeys;
  readonly scripts: Scripts;
  readonly engines: readonly string[];
  /** The time for a script, in ms since 1970. It is "" when the script has to read Redis' own clock. */
  readonly clock: () => number | "";
  /** The time by the same clock, in ms since 1970. */
  readonly now: () => Promise<number>;
}

export interface ShardOptions {
  readonly shard: number;
  readonly engines: readonly string[];
  /** Ms since 1970; for tests. Redis' own clock when absent. */
  readonly now?: () => number;
}

export function createShard(redis: RedisClient, { shard, engines, now }: ShardOptions): Shard {
  const keys = queueKeys(shard);
  const scripts = bindScripts(redis);
  const clock = () => now?.() ?? "";
  const readNow = async () => now?.() ?? (await scripts.readClock({ tasks: keys.tasks }));
  return { redis, keys, scripts, engines, clock, now: readNow };
}
