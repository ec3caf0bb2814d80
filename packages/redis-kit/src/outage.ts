import { Refusal } from "@ccsp/errors";

// Redis is there and says "not now". Anything else that it answers is a fault of ours.
const NOT_NOW =
  /(^|-)(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOREPLICAS|OOM|MISCONF|UNBLOCKED|UNKILLABLE)\b/;

/**
 * Runs `work`, for a call that somebody waits for: when Redis is away, or refuses for now, this throws the Refusal
 * DEPENDENCY_UNAVAILABLE. What is a fault of ours is thrown as it is. What was written may have been written even so.
 */
export async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || !isOutage(error)) throw error;
    throw new Refusal("DEPENDENCY_UNAVAILABLE", "Redis does not answer", {
      metadata: { dependency: "redis" },
      retryAfterMs: 1_000,
      cause: error,
    });
  }
}

function isOutage(error: Error): boolean {
  if (error.name === "ReplyError") return NOT_NOW.test(error.message);
  if (["MaxRetriesPerRequestError", "ClusterAllFailedError", "AbortError"].includes(error.name)) return true;
  // System errors, such as ECONNRESET, have a code.
  return "code" in error || /^(Connection is closed|Command timed out|Stream isn't writeable)/.test(error.message);
}
