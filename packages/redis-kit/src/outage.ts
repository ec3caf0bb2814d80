import { Refusal } from "@ccsp/errors";
import type { RedisClient } from "./connect.js";
import { within } from "./within.js";

// Redis is there and says "not now". Anything else that it answers is a fault of ours.
const NOT_NOW =
  /(^|-)(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOREPLICAS|OOM|MISCONF|UNBLOCKED|UNKILLABLE)\b/;

// The connection itself rides out a restart for longer. A caller is told sooner, since its own retries (four, by grpc)
// have to fit into its deadline, and another replica may still reach Redis.
const PATIENCE_MS = 2_000;

/**
 * Runs `work` on `redis`, for a call that somebody waits for: when Redis is away for 2 s, or refuses for now, this throws
 * the Refusal DEPENDENCY_UNAVAILABLE. What is a fault of ours is thrown as it is. What was written may have been written
 * even so, or be written later: every change must bear being asked for again.
 */
export async function orUnavailable<T>(redis: RedisClient, work: () => Promise<T>): Promise<T> {
  try {
    return await (redis.status === "ready" ? work() : within(PATIENCE_MS, work(), () => new Away()));
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
  constructor() {
    super(`Redis was away for ${PATIENCE_MS} ms`);
  }
}

function isOutage(error: Error): boolean {
  if (error.name === "ReplyError") return NOT_NOW.test(error.message);
  if (error instanceof Away) return true;
  if (["MaxRetriesPerRequestError", "ClusterAllFailedError", "AbortError"].includes(error.name)) return true;
  // System errors, such as ECONNRESET, have a code.
  return "code" in error || /^(Connection is closed|Command timed out|Stream isn't writeable)/.test(error.message);
}
