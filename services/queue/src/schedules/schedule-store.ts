import { bindScript, oneOf, orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import { channels, scheduleKeys } from "../redis/keys.js";
import type { Replicas } from "../redis/replicas.js";
import {
  MOST_SCHEDULE_BYTES,
  MOST_SCHEDULES,
  type Schedule,
  type ScheduleName,
  type ScheduleStore,
} from "./schedule.js";

/** The topic of `Wakes` that tells of a schedule that was stored or run. */
export const SCHEDULES_TOPIC = "schedules";

const lua = (name: string): URL => new URL(`../../lua/${name}.lua`, import.meta.url);

/** Binds what changes a schedule. */
export const bindScheduleScripts = (redis: RedisClient) => ({
  swap: bindScript(redis, lua("swap_schedule"), ["schedules", "times"], oneOf("ok", "same", "changed", "full")),
  postpone: bindScript(redis, lua("postpone_schedule"), ["times"], oneOf("ok")),
});

/** Schedules in Redis. Throws DEPENDENCY_UNAVAILABLE while it is away. `clock` is for tests; Redis' own when absent. */
export function createScheduleStore(redis: RedisClient, clock?: () => number): ScheduleStore {
  const scripts = bindScheduleScripts(redis);
  const run = async <T>(work: () => Promise<T>): Promise<T> => orUnavailable(redis, work);
  const now = async (): Promise<number> => {
    if (clock) return clock();
    const [seconds, micros] = await redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  };
  const { times } = scheduleKeys;

  return {
    now: async () => run(now),

    find: async ({ agent, name }) =>
      run(async () => {
        const stored = await redis.hget(scheduleKeys.of(agent), name);
        return stored === null ? undefined : decode(stored);
      }),

    list: async (agent) =>
      run(async () => {
        const stored = await redis.hvals(scheduleKeys.of(agent));
        return stored.flatMap(decodeReadable).toSorted((a, b) => (a.name < b.name ? -1 : 1));
      }),

    due: async (atMs, count) =>
      run(async () => (await redis.zrangebyscore(times, "-inf", atMs, "LIMIT", 0, count)).map(nameOf)),

    nextLook: async () =>
      run(async () => {
        const [, score] = await redis.zrangebyscore(times, "-inf", "+inf", "WITHSCORES", "LIMIT", 0, 1);
        return score === undefined ? undefined : Number(score);
      }),

    swap: async ({ which: { agent, name }, before, after, lookMs, bounded }) =>
      run(async () =>
        scripts.swap(
          { schedules: scheduleKeys.of(agent), times },
          agent,
          name,
          encode(before),
          encode(after),
          lookMs ?? "",
          bounded ? MOST_SCHEDULES : "",
          MOST_SCHEDULE_BYTES,
          channels.work,
        ),
      ),

    postpone: async ({ agent, name }, lookMs) =>
      run(async () => void (await scripts.postpone({ times }, `${agent}/${name}`, lookMs))),
  };
}

/**
 * The same, which says that an agent's schedule is stored only when `replicas` have it too, also in answer to a repeated call; otherwise it throws
 * DEPENDENCY_UNAVAILABLE. For what runs record nobody waits: their tasks are waited for.
 */
export function replicatedSchedules(store: ScheduleStore, { confirm }: Replicas): ScheduleStore {
  return {
    ...store,
    async swap(change) {
      const outcome = await store.swap(change);
      const { which, after, bounded } = change;
      if (!bounded || !after || (outcome !== "ok" && outcome !== "same")) return outcome;
      await confirm({
        id: "",
        look: () => ["hget", scheduleKeys.of(which.agent), which.name],
        // A run may have recorded something in it since.
        isShownBy: (stored) => typeof stored === "string" && promiseOf(decode(stored)) === promiseOf(after),
      });
      return outcome;
    },
  };
}

const promiseOf = ({ cron, timeZone, spec, missed, paused }: Schedule): string =>
  JSON.stringify([cron, timeZone, spec, missed, paused]);

// What was stored is compared as text: the order of members, too, comes back as it was.
const encode = (schedule: Schedule | undefined): string => (schedule === undefined ? "" : JSON.stringify(schedule));

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only `encode` writes them
const decode = (stored: string): Schedule => JSON.parse(stored) as Schedule;

/** Of many, one that cannot be read hides no other. */
function decodeReadable(stored: string): Schedule[] {
  try {
    return [decode(stored)];
  } catch {
    return [];
  }
}

function nameOf(member: string): ScheduleName {
  const slash = member.indexOf("/");
  return { agent: member.slice(0, slash), name: member.slice(slash + 1) };
}
