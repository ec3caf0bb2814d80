import { bindScript, oneOf, orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import { channels, limitsKey } from "../redis/keys.js";
import { MOST_LIMITS, type SetLimit, type SetLimits } from "./limit.js";

/** The topic of `Wakes` for limits that were set or reset. */
export const LIMITS_TOPIC = "limits";

/** Undefined resets the limit. */
export type LimitChanges = ReadonlyMap<string, Omit<SetLimit, "set"> | undefined>;

/** The limits that were set. All shards share them. */
export interface SetLimitStore {
  /** Those that have ended may be among them. */
  read(): Promise<SetLimits>;
  /**
   * Makes all changes, or none: "full" when more than `MOST_LIMITS` limits would be set. `automatic`: a limit that a
   * person has set stays as it is.
   */
  change(changes: LimitChanges, automatic: boolean): Promise<"ok" | "full">;
}

/** Binds the script that changes limits. */
export const bindLimitScripts = (redis: RedisClient) => ({
  set: bindScript(redis, new URL("../../lua/set_limits.lua", import.meta.url), ["limits"], oneOf("ok", "full")),
});

/**
 * Limits in Redis. Throws DEPENDENCY_UNAVAILABLE while Redis is away. `clock` is for tests; Redis' own clock when
 * absent.
 */
export function createSetLimitStore(redis: RedisClient, clock?: () => number): SetLimitStore {
  const scripts = bindLimitScripts(redis);
  return {
    read: async () => {
      const stored = await orUnavailable(redis, () => redis.hgetall(limitsKey));
      return new Map(Object.entries(stored).map(([name, json]) => [name, decode(json)]));
    },
    change: async (changes, automatic) =>
      orUnavailable(redis, () =>
        scripts.set(
          { limits: limitsKey },
          clock?.() ?? "",
          automatic ? "automatic" : "",
          MOST_LIMITS,
          channels.work,
          LIMITS_TOPIC,
          ...[...changes].flatMap(([name, limit]) => [name, limit === undefined ? "" : JSON.stringify(limit)]),
        ),
      ),
  };
}

function decode(json: string): SetLimit {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only this file and its script write them
  return JSON.parse(json) as SetLimit;
}
