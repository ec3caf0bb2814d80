import { bindScript, type RedisClient } from "@ccsp/redis-kit";
import { RateLimiterMemory, RateLimiterRedis } from "rate-limiter-flexible";
import type { FailureStore } from "./lockout.js";
import type { ReportCalls } from "./shared-calls.js";
import type { SharedRateOptions } from "./shared-rate.js";

const SCRIPT = new URL("../../lua/report_calls.lua", import.meta.url);
/** All limits are on one node of a Cluster, because one script reports the calls of many callers. */
const PREFIX = "ccsp:agents:{limits}";
/** The most callers of one report: a script stops Redis while it runs. */
const REPORT = 200;
const MINUTE_S = 60;

/**
 * A counter that the replicas share. When Redis is away, or answers too late, each replica counts for itself.
 */
function counter(redis: RedisClient, name: string, { points, seconds }: { points: number; seconds: number }) {
  const limit = { points, duration: seconds };
  return new RateLimiterRedis({
    ...limit,
    storeClient: redis,
    keyPrefix: `${PREFIX}:${name}`,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory(limit),
  });
}

export function sharedUse(
  redis: RedisClient,
  name: string,
  { points, windowMs }: Pick<SharedRateOptions, "points" | "windowMs">,
): SharedRateOptions["add"] {
  const shared = counter(redis, name, { points, seconds: windowMs / 1_000 });
  return async (who, spent) => {
    const { consumedPoints, msBeforeNext } = await shared.penalty(who, spent);
    return { used: consumedPoints, leftMs: msBeforeNext };
  };
}

export function sharedFailures(redis: RedisClient, points: number): FailureStore {
  const shared = counter(redis, "failures", { points, seconds: MINUTE_S });
  return {
    add: async (who) => (await shared.penalty(who, 1)).consumedPoints,
    keep: (who, failures, ms) => void shared.set(who, failures, Math.ceil(ms / 1_000)),
    forget: (who) => void shared.delete(who),
  };
}

export const bindReport = (redis: RedisClient) =>
  bindScript(redis, SCRIPT, ["...calls"], (reply) => (Array.isArray(reply) ? reply.map(Number) : []));

/** `name` is that of the limit. When Redis does not answer, the calls at the other replicas do not count. */
export function reportedCalls(
  redis: RedisClient,
  name: string,
  { replica, leaseMs }: { readonly replica: string; readonly leaseMs: number },
): ReportCalls {
  const script = bindReport(redis);
  const report: ReportCalls = async (calls) => {
    const alone = () => calls.map(() => 0);
    if (redis.status !== "ready") return alone();
    const keys = calls.map(([who]) => `${PREFIX}:${name}:${who}`);
    return script({ calls: keys }, replica, leaseMs, ...calls.map(([, count]) => count)).catch(alone);
  };
  return async (calls) => {
    const parts = Array.from({ length: Math.ceil(calls.length / REPORT) }, (_, part) =>
      calls.slice(part * REPORT, (part + 1) * REPORT),
    );
    return (await Promise.all(parts.map(report))).flat();
  };
}
