import { memoryFull, Refusal } from "@ccsp/errors";
import { type Timer, within } from "@ccsp/timing";
import type { RedisClient } from "./redis-client.js";
import { longestWaitMs } from "./unanswered.js";

// Redis is there and says "not now". Anything else that it answers is a fault of ours.
const NOT_NOW =
  /(^|-)(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|BUSY|NOREPLICAS|MISCONF|UNBLOCKED|UNKILLABLE|NOSCRIPT)\b/;
const AT_LIMIT = /(^|-)OOM\b/;
// With which a master that became a replica answers WAIT.
const DEMOTED = /^ERR WAIT cannot be used with replica/;

// The connection itself rides out a restart for longer. A caller is told sooner, since its own retries (four, by grpc)
// have to fit into its deadline, and another replica may still reach Redis.
const PATIENCE_MS = 2_000;

/**
 * Runs `work` on `redis`, for a call that somebody waits for: when Redis answers a command not within 2 s, since it is away or hangs, or refuses for
 * now, this throws the Refusal DEPENDENCY_UNAVAILABLE; when its memory is full, QUEUE_FULL. What is a fault of ours is thrown as it is. What was
 * written may have been written even so, or be written later: every change must bear being asked for again. Work of many commands may take
 * longer, as long as Redis answers.
 */
export async function orUnavailable<T>(redis: RedisClient, work: () => Promise<T>): Promise<T> {
  return asRefusal(() => unlessSilent(redis, work()));
}

/** The same without a limit of time, for work that has one. */
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

/** DEPENDENCY_UNAVAILABLE, naming Redis. */
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
    const look = (isLast: boolean): void => {
      const leftMs = ms - longestWaitMs(redis);
      if (leftMs > 0) wait = setTimeout(look, leftMs, false);
      else if (isLast) act();
      // A process that stood still has not read yet what came meanwhile: it does between its timers and this.
      else last = setImmediate(look, true);
    };
    wait = setTimeout(look, ms, false);
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
    super(`Redis answered nothing for ${PATIENCE_MS} ms`);
  }
}

/** Whether Redis refused it since its memory is at `maxmemory`. */
export const isOutOfMemory = (error: Error): boolean => error.name === "ReplyError" && AT_LIMIT.test(error.message);

/** Whether another node of the Cluster has the key now. A command by itself follows, and its connection learns of it; a pipeline may not. */
export const isRedirection = (error: Error): boolean =>
  error.name === "ReplyError" && /^(MOVED|ASK) /.test(error.message);

/** Of a transaction that was not run: why not. ioredis keeps the answers to its commands in `previousErrors`. */
function causesOf(error: Error): readonly Error[] {
  const before: unknown = "previousErrors" in error ? error.previousErrors : undefined;
  return Array.isArray(before) ? [error, ...before.filter((each) => each instanceof Error)] : [error];
}

function isOutage(error: Error): boolean {
  if (error.name === "ReplyError") return NOT_NOW.test(error.message) || DEMOTED.test(error.message);
  if (error instanceof Silent) return true;
  if (["MaxRetriesPerRequestError", "ClusterAllFailedError", "AbortError"].includes(error.name)) return true;
  // System errors, such as ECONNRESET, have a code.
  return (
    "code" in error ||
    /^(Connection is closed|Command timed out|Stream isn't writeable|Too many Cluster redirections)/.test(error.message)
  );
}
