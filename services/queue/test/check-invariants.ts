// Checks the invariants of a queue's Redis from outside: `node --import tsx --conditions ccsp-src check-invariants.ts
// <redis url>`. Fails with the first one that does not hold. For programs that cannot import the queue, such as
// packages/chaos.
import { openRedis } from "@ccsp/redis-kit";
import { NO_BOUNDS } from "../src/domain/intake/bounds.js";
import { queueKeys } from "../src/redis/keys.js";
import { createShards } from "../src/redis/shards.js";
import { checkInvariants } from "./invariants.js";
import { ENGINES, log } from "./world.js";

const redis = await openRedis(process.argv[2] ?? "", { log, name: "invariants" });
try {
  const shards = Number((await redis.client.hget(queueKeys(0).meta, "shards")) ?? 1);
  await checkInvariants({
    redis,
    shards,
    store: createShards(redis.client, shards, { engines: ENGINES, bounds: NO_BOUNDS, retentionMs: 86_400_000 }),
  });
} finally {
  await redis.close();
}
