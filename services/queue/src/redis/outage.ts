import { Refusal } from "@ccsp/errors";
import type { RedisClient } from "@ccsp/redis-kit";

// Redis is there and says "not now". Anything else that it answers is a fault of ours.
const NOT_NOW =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOREPLICAS|OOM|MISCONF|UNBLOCKED|UNKILLABLE)\b/;

// The connection itself rides out a restart for longer. A caller is told sooner, since its own retries (four, by grpc)
// have to fit into its deadline, and another replica may still reach Redis.
const PATIENCE_MS = 2_000;

/**
 * Runs `work`; throws DEPENDENCY_UNAVAILABLE when Redis is away, and what is a fault of ours as it is. The work may have
 * been done even so: every change can be asked for again.
 */
export async function orUnavailable<T>(redis: RedisClient, work: () => Promise<T>): Promise<T> {
  try {
    return await (redis.status === "ready" ? work() : withPatience(work()));
  } catch (error) {
    if (!(error instanceof Error) || !isOutage(error)) throw error;
    throw new Refusal("DEPENDENCY_UNAVAILABLE", "Redis does not answer", {
      metadata: { dependency: "redis" },
      retryAfterMs: 1_000,
      cause: error,
    });
  }
}

class Away extends Error {
  override readonly name = "Away";
}

async function withPatience<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Away(`Redis was away for ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function isOutage(error: Error): boolean {
  if (error.name === "ReplyError")
    return NOT_NOW.test(error.message) || /-(LOADING|READONLY|OOM|MISCONF)/.test(error.message);
  if (error instanceof Away) return true;
  if (["MaxRetriesPerRequestError", "ClusterAllFailedError", "AbortError"].includes(error.name)) return true;
  return "code" in error || /^(Connection is closed|Command timed out|Stream isn't writeable)/.test(error.message);
}
