import type { RedisClient } from "@ccsp/redis-kit";
import type { DueStore } from "../domain/due/due-store.js";
import type { LeaseStore } from "../domain/leases/lease-store.js";
import type { LogStore } from "../domain/log/log-store.js";
import type { ListStore, WalkStore } from "../domain/search/search-store.js";
import type { Clock } from "../domain/task/clock.js";
import type { Task } from "../domain/task/task.js";
import type { TaskContents, TaskReads } from "../domain/task/task-store.js";
import { decodeEntry, decodeReadable, decodeTask, streamIdOf, successOf } from "./decode.js";
import { groupCalls } from "./group-calls.js";
import type { QueueKeys } from "./keys.js";
import type { ResultChunks } from "./result-chunks.js";
import type { Scripts } from "./scripts.js";

/** `findLeased` is of the claim, which remembers what it leased. */
type Reads = Clock &
  Omit<TaskReads, "findLeased"> &
  TaskContents &
  ListStore &
  LogStore &
  DueStore &
  Pick<LeaseStore, "mayOvertake"> &
  Pick<WalkStore, "earliestNow">;

/** Of a page of a log, which Redis and this process do nothing beside. */
const PAGE_BYTES = 256 * 1024;

/** What changes no task. */
export function createReads(
  redis: RedisClient,
  keys: QueueKeys,
  {
    scripts,
    chunks,
  }: { readonly scripts: Pick<Scripts, "readClock" | "readDue" | "readLog">; readonly chunks: ResultChunks },
  clock?: () => number,
): Reads {
  const now = async (): Promise<number> => clock?.() ?? (await scripts.readClock({ tasks: keys.tasks }));
  const findRecord = groupCalls<string, string | null>(async (ids) => redis.hmget(keys.tasks, ...ids), {
    count: 64,
    bytes: Number.POSITIVE_INFINITY,
    bytesOf: () => 0,
  });
  const find = async (id: string): Promise<Task | undefined> => {
    const record = await findRecord(id);
    return record === null ? undefined : decodeTask(id, record);
  };
  const dueIn = async (zset: string, count: number): Promise<string[]> =>
    redis.zrangebyscore(zset, "-inf", await now(), "LIMIT", 0, count);

  return {
    now,
    earliestNow: now,

    find,
    // Redis answers nothing that it would not have itself.
    findConfirmed: find,

    async findAll(ids) {
      if (ids.length === 0) return [];
      const records = await redis.hmget(keys.tasks, ...ids);
      return ids.flatMap((id, i) => {
        const record = records[i];
        return (record && decodeReadable(id, record)) || [];
      });
    },

    findPrompts: async (id) => (await redis.hgetBuffer(keys.prompts, id)) ?? undefined,
    findResult: async ({ id, chunks: digest }) =>
      digest === undefined ? ((await redis.hgetBuffer(keys.results, id)) ?? undefined) : chunks.read(id, digest),

    async owners() {
      const owners: string[] = [];
      for (let from = "-"; ; ) {
        const [member] = await redis.zrangebylex(keys.owned, from, "+", "LIMIT", 0, 1);
        if (member === undefined) return owners;
        const owner = member.slice(0, member.indexOf("/"));
        owners.push(owner);
        from = `(${owner}0`;
      }
    },

    async listIds(agent, before, count) {
      // "0" follows "/" in ASCII: the end of this agent's members.
      const newest = before === undefined ? `(${agent}0` : `(${agent}/${before}`;
      const members = await redis.zrevrangebylex(keys.owned, newest, `[${agent}/`, "LIMIT", 0, count);
      return members.map((member) => member.slice(agent.length + 1));
    },

    async readLog(id, sequence, count) {
      const [record, result, length, more, ...page] = await scripts.readLog(
        { tasks: keys.tasks, results: keys.results, log: keys.log(id) },
        id,
        streamIdOf(sequence),
        count,
        PAGE_BYTES,
      );
      if (record === null) return undefined;
      const task = decodeTask(id, record);
      const ends = more === 0 ? successOf(task, length).filter((entry) => entry.sequence > sequence) : [];
      const entries = [...page.map(decodeEntry), ...ends];
      return { task, entries, more: more === 1, result: result ?? undefined };
    },

    overdueLeases: (count) => dueIn(keys.leases, count),
    dueParked: (count) => dueIn(keys.parked, count),
    dueAlarms: (count) => dueIn(keys.alarms, count),

    async nextDue(seen) {
      const { leases, parked, alarms, gates, refills } = keys;
      const [at, ...times] = await scripts.readDue(
        { leases, parked, alarms, gates, refills },
        clock?.() ?? "",
        seen?.[0] ?? 0,
      );
      const now = Number(at);
      // A timer may fire within the millisecond before.
      const waitOf = (time = ""): number =>
        time === "" ? Number.POSITIVE_INFINITY : Math.max(0, Number(time) - now + 1);
      const [task, gate, refill] = times;
      return { seen: [now], waits: { tasks: waitOf(task), gates: waitOf(gate), refills: waitOf(refill) } };
    },

    async expiredEnds({ retentionMs, maxEnded, maxEndedBytes }, count) {
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
    },

    async forgetExecutors(silentMs) {
      await redis.zremrangebyscore(keys.executors, "-inf", (await now()) - silentMs);
    },

    async mayOvertake(engine, urgentMax) {
      const [waiting, running] = await Promise.all([
        redis.zcard(keys.engine(engine).urgentLines),
        redis.hget(keys.running, `urgent/${engine}`),
      ]);
      return urgentMax === 0 ? waiting : Math.max(0, Math.min(waiting, urgentMax - Number(running)));
    },
  };
}
