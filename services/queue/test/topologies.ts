import { startRedis } from "@ccsp/fleet";
import { startRedisCluster, startRedisSentinel } from "@ccsp/testkit";

/** Every kind of Redis that the queue supports, with real processes. */
export const TOPOLOGIES = [
  { kind: "a single Redis", start: () => startRedis() },
  { kind: "Sentinels", start: () => startRedisSentinel() },
  { kind: "a Cluster of six nodes", start: () => startRedisCluster() },
] as const;
