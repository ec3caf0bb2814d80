import type { Cluster, Redis } from "ioredis";

/** A connection to a single server, to the master that a Sentinel names, or to a Cluster. */
export type RedisClient = Redis | Cluster;
