import { EVENTS_KEPT, eventsKey } from "@ccsp/events";
import { asList, fieldsOf, orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import type { Gap, GapStore } from "../domain/gap.js";
import { usageKeys } from "./usage-keys.js";

/** The oldest gaps beyond this number are forgotten. */
const MAX_GAPS = 500;
/** Filling is safe to repeat, so this need not cover the longest one. */
const LOCK_MS = 60_000;
/** Writers trim whole nodes of 100 entries, and a group may stand anywhere in them. */
const NEAR_THE_END = EVENTS_KEPT * 0.9;
/** A group that is behind by fewer entries needs no count of what it has read. This is looked at every second. */
const FEW = 1_000;

/** Creates a store of the gaps of a group in the event stream. */
export function createRedisGapStore(redis: RedisClient, group: string): GapStore {
  return {
    lostNow: async (partition) => {
      const stream = await info(redis.call("XINFO", "STREAM", eventsKey(partition)));
      const groups: unknown = await redis.call("XINFO", "GROUPS", eventsKey(partition)).catch(ignoreMissing);
      const own = asList(groups)
        .map(fieldsOf)
        .find((each) => each.get("name") === group);
      const first = textOf(asList(stream.get("first-entry"))[0]);
      const last = textOf(own?.get("last-delivered-id")) || "0-0";
      const trimmed = Number(stream.get("entries-added")) > Number(stream.get("length"));
      // A new group begins at the oldest event that is kept. What was trimmed before it existed is not a gap.
      if (first === "" || last === "0-0" || !trimmed) return undefined;
      const atLast = textOf(stream.get("last-generated-id")) === last;
      if (!isBefore(last, first) && (atLast || !(await isNearTheEnd(redis, partition, last)))) return undefined;
      return { start: timeOf(last), end: Math.max(timeOf(first), timeOf(last)) };
    },

    list: async (partition) => {
      const hash = await orUnavailable(redis, () => redis.hgetall(usageKeys(partition).gaps));
      return Object.entries(hash)
        .map(([start, json]): Gap => ({ ...JSON.parse(json), partition, start: Number(start) }))
        .sort((a, b) => a.start - b.start);
    },

    put: async ({ partition, start, end, state, filledRuns }) => {
      const key = usageKeys(partition).gaps;
      await redis.hset(key, String(start), JSON.stringify({ end, state, filledRuns }));
      const starts = Object.keys(await redis.hgetall(key)).map(Number);
      const beyond = starts.toSorted((a, b) => b - a).slice(MAX_GAPS);
      if (beyond.length > 0) await redis.hdel(key, ...beyond.map(String));
    },

    lock: async (partition) => (await redis.set(usageKeys(partition).fillLock, "1", "PX", LOCK_MS, "NX")) === "OK",
  };
}

/**
 * Whether at least `NEAR_THE_END` entries come after `last`. Redis 7.0 does not know it: the `lag` of a group keeps what
 * was trimmed before the group read it.
 */
async function isNearTheEnd(redis: RedisClient, partition: number, last: string): Promise<boolean> {
  const key = eventsKey(partition);
  const unread = await redis.xrange(key, `(${last}`, "+", "COUNT", FEW);
  if (unread.length < FEW) return false;
  // The entries up to `last` are fewer than those after it, so these are read.
  const others = (await redis.xlen(key)) - NEAR_THE_END;
  return others >= 0 && (await redis.xrange(key, "-", last, "COUNT", others + 1)).length <= others;
}

const timeOf = (id: string): number => Number(id.split("-")[0]);

function isBefore(a: string, b: string): boolean {
  const [[aMs = 0, aAt = 0], [bMs = 0, bAt = 0]] = [a.split("-").map(Number), b.split("-").map(Number)];
  return aMs < bMs || (aMs === bMs && aAt < bAt);
}

const info = async (reply: Promise<unknown>): Promise<Map<string, unknown>> =>
  fieldsOf(await reply.catch(ignoreMissing));

/** The stream does not exist before its first event. */
function ignoreMissing(error: unknown): readonly unknown[] {
  if (error instanceof Error && /no such key/i.test(error.message)) return [];
  throw error;
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
