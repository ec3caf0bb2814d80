import { hash } from "node:crypto";
import { orUnavailable, type RedisClient } from "@ccsp/redis-kit";

/** The deliveries of a day, for all replicas. Each function refuses with DEPENDENCY_UNAVAILABLE if Redis is away. */
export interface Deliveries {
  /** False if this delivery came before. */
  begin(signature: string): Promise<boolean>;
  /** It was not passed on, so it may come again. */
  forget(signature: string): Promise<void>;
}

const DAY_S = 24 * 3_600;

/**
 * A delivery is known by its signature. GitHub's id of a delivery is in no signature, so who repeats a delivery could
 * give it another id.
 */
export function createDeliveries(redis: RedisClient): Deliveries {
  const keyOf = (signature: string): string => `ccsp:agents:{webhooks}:github:${hash("sha256", signature)}`;
  return {
    begin: (signature) =>
      orUnavailable(redis, async () => (await redis.set(keyOf(signature), "1", "EX", DAY_S, "NX")) === "OK"),
    forget: async (signature) => void (await orUnavailable(redis, () => redis.del(keyOf(signature)))),
  };
}
