import { startRedis } from "@ccsp/fleet";
import { startRedisCluster, startRedisSentinel } from "@ccsp/testkit";

/** No test on these is about a failover. So none may begin because a busy machine stops a process for a while. */
const FAILOVER_AFTER_MS = 30_000;

/** Every kind of Redis that the queue supports, with real processes. */
export const TOPOLOGIES = [
  { kind: "a single Redis", start: () => startRedis() },
  { kind: "Sentinels", start: () => startRedisSentinel({ downAfterMs: FAILOVER_AFTER_MS }) },
  { kind: "a Cluster of six nodes", start: () => startRedisCluster({ nodeTimeoutMs: FAILOVER_AFTER_MS }) },
] as const;
