import type { DueStore, Retention } from "../domain/due/due-store.js";
import { decodeReadable } from "./decode.js";
import type { Shard } from "./shard.js";

/** Finds what time alone makes due. */
export function createDueReads(shard: Shard): DueStore {
  const { redis, scripts, keys, clock, now } = shard;
  const { leases, parked, alarms, gates, holds, refills, executors } = keys;
  const dueIn = async (zset: string, count: number): Promise<string[]> =>
    redis.zrangebyscore(zset, "-inf", await now(), "LIMIT", 0, count);

  return {
    overdueLeases: (count) => dueIn(leases, count),
    dueParked: (count) => dueIn(parked, count),
    dueAlarms: (count) => dueIn(alarms, count),

    async nextDue(seen) {
      const [at, ...times] = await scripts.readDue(
        { leases, parked, alarms, gates, holds, refills },
        clock(),
        seen?.[0] ?? 0,
      );
      const readMs = Number(at);
      // The added millisecond: a timer may fire up to 1 ms too early.
      const waitOf = (time = ""): number =>
        time === "" ? Number.POSITIVE_INFINITY : Math.max(0, Number(time) - readMs + 1);
      const [task, gate, refill] = times;
      return { seen: [readMs], waits: { tasks: waitOf(task), gates: waitOf(gate), refills: waitOf(refill) } };
    },

    expiredEnds: (retention, count) => expiredEnds(shard, retention, count),

    async forgetExecutors(silentMs) {
      await redis.zremrangebyscore(executors, "-inf", (await now()) - silentMs);
    },
  };
}

async function expiredEnds(
  { redis, keys, now }: Shard,
  { retentionMs, maxEnded, maxEndedBytes }: Retention,
  count: number,
): Promise<readonly string[]> {
  const [ended, bytes] = await Promise.all([redis.zcard(keys.ended), redis.hget(keys.load, "ended/bytes")]);
  const [over, overBytes] = [ended - maxEnded, Number(bytes) - maxEndedBytes];
  if (over <= 0 && overBytes <= 0) {
    return redis.zrangebyscore(keys.ended, "-inf", (await now()) - retentionMs, "LIMIT", 0, count);
  }
  const oldest = await redis.zrangebyscore(keys.ended, "-inf", "+inf", "LIMIT", 0, count);
  if (oldest.length === 0) return [];
  const records = await redis.hmget(keys.tasks, ...oldest);
  let freed = 0;
  return oldest.filter((id, i) => {
    const needed = i < over || freed < overBytes;
    const record = records[i];
    freed += (record && decodeReadable(id, record)?.kept) || 0;
    return needed;
  });
}
