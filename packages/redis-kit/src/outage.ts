import { memoryFull, Refusal } from "@ccsp/errors";
import { type Timer, within } from "@ccsp/timing";
import type { RedisClient } from "./redis-client.js";
import { longestWaitMs } from "./unanswered.js";

// Redis answers that it cannot serve the command now. Any other error answer is a bug of CCSP.
const NOT_NOW =
  /(^|-)(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|BUSY|NOREPLICAS|MISCONF|UNBLOCKED|UNKILLABLE|NOSCRIPT)\b/;
const AT_LIMIT = /(^|-)OOM\b/;
// The answer to WAIT of a master that became a replica.
const DEMOTED = /^ERR WAIT cannot be used with replica/;

// The connection itself survives a longer restart. The caller gets its answer sooner for two reasons: its own retries
// (four, by gRPC) must fit into its deadline, and another replica of the service may still reach Redis.
const PATIENCE_MS = 2_000;

/**
 * Runs `work` on `redis` for a call whose caller waits.
 *
 * Throws the Refusal DEPENDENCY_UNAVAILABLE in two cases: Redis does not answer a command within 2 s because it is down
 * or hangs, or Redis refuses for now. Throws QUEUE_FULL if the memory of Redis is full. Throws any other error, which
 * is a bug of CCSP, unchanged.
 *
 * After an error, a write may still have happened or may happen later. So every change must be safe to repeat. Work
 * with many commands may take longer, as long as Redis answers them.
 */
export async function orUnavailable<T>(redis: RedisClient, work: () => Promise<T>): Promise<T> {
  return asRefusal(() => unlessSilent(redis, work()));
}

/** Converts errors in the same way without the time limit, for work that has its own. */
export async function asRefusal<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const causes = causesOf(error);
    if (causes.some(isOutOfMemory)) throw memoryFull(error);
    if (!causes.some(isOutage)) throw error;
    throw redisAway(error);
  }
}

/** Whether an error says that Redis is away or refuses for now: one of a client, or the refusal of `orUnavailable`. */
export const isRedisAway = (error: unknown): boolean =>
  error instanceof Error &&
  (error instanceof Refusal ? error.reason === "DEPENDENCY_UNAVAILABLE" : causesOf(error).some(isOutage));

/** The refusal DEPENDENCY_UNAVAILABLE, which names Redis. */
export const redisAway = (cause?: Error): Refusal =>
  new Refusal("DEPENDENCY_UNAVAILABLE", "Redis does not answer", {
    metadata: { dependency: "redis" },
    retryAfterMs: 1_000,
    ...(cause && { cause }),
  });

async function unlessSilent<T>(redis: RedisClient, work: Promise<T>): Promise<T> {
  const timer: Timer = (ms, act) => {
    let wait: NodeJS.Timeout | undefined;
    let last: NodeJS.Immediate | undefined;
    const check = (isLast: boolean): void => {
      const leftMs = ms - longestWaitMs(redis);
      if (leftMs > 0) wait = setTimeout(check, leftMs, false);
      else if (isLast) act();
      // After the process was paused, answers that have arrived are still unread. The event loop reads them between its
      // timers and this immediate.
      else last = setImmediate(check, true);
    };
    wait = setTimeout(check, ms, false);
    return () => {
      clearTimeout(wait);
      clearImmediate(last);
    };
  };
  const late = () => {
    throw new Silent();
  };
  return within(PATIENCE_MS, work, late, { timer });
}

class Silent extends Error {
  override readonly name = "Silent";
  constructor() {
    super(`Redis did not answer for ${PATIENCE_MS} ms`);
  }
}

/** Whether Redis refused the command because its memory is at `maxmemory`. */
export const isOutOfMemory = (error: Error): boolean => error.name === "ReplyError" && AT_LIMIT.test(error.message);

/**
 * Whether another node of the Cluster has the key now. For a single command, ioredis follows the redirection, and the
 * connection learns the new node. For a pipeline it may not.
 */
export const isRedirection = (error: Error): boolean =>
  error.name === "ReplyError" && /^(MOVED|ASK) /.test(error.message);

/** The reasons why a transaction was not run. ioredis keeps the answers to its commands in `previousErrors`. */
function causesOf(error: Error): readonly Error[] {
  const before: unknown = "previousErrors" in error ? error.previousErrors : undefined;
  return Array.isArray(before) ? [error, ...before.filter((each) => each instanceof Error)] : [error];
}

function isOutage(error: Error): boolean {
  if (error.name === "ReplyError") return NOT_NOW.test(error.message) || DEMOTED.test(error.message);
  if (error instanceof Silent) return true;
  if (["MaxRetriesPerRequestError", "ClusterAllFailedError", "AbortError"].includes(error.name)) return true;
  // System errors have a code, for example ECONNRESET.
  return (
    "code" in error ||
    /^(Connection is closed|Command timed out|Stream isn't writeable|Too many Cluster redirections)/.test(error.message)
  );
}
