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

/** The topic of `Wakes` for a schedule that was stored or run. */
export const SCHEDULES_TOPIC = "schedules";

const lua = (name: string): URL => new URL(`../../lua/${name}.lua`, import.meta.url);

/** Binds the scripts that change a schedule. */
export const bindScheduleScripts = (redis: RedisClient) => ({
  swap: bindScript(redis, lua("swap_schedule"), ["schedules", "times"], oneOf("ok", "same", "changed", "full")),
  postpone: bindScript(redis, lua("postpone_schedule"), ["times"], oneOf("ok")),
});

/**
 * Schedules in Redis. Throws DEPENDENCY_UNAVAILABLE while Redis is away. `clock` is for tests; Redis' own clock when
 * absent.
 */
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

    nextCheck: async () =>
      run(async () => {
        const [, score] = await redis.zrangebyscore(times, "-inf", "+inf", "WITHSCORES", "LIMIT", 0, 1);
        return score === undefined ? undefined : Number(score);
      }),

    swap: async ({ which: { agent, name }, before, after, checkMs, bounded }) =>
      run(async () =>
        scripts.swap(
          { schedules: scheduleKeys.of(agent), times },
          agent,
          name,
          encode(before),
          encode(after),
          checkMs ?? "",
          bounded ? MOST_SCHEDULES : "",
          MOST_SCHEDULE_BYTES,
          channels.work,
        ),
      ),

    postpone: async ({ agent, name }, checkMs) =>
      run(async () => void (await scripts.postpone({ times }, `${agent}/${name}`, checkMs))),
  };
}

/**
 * The same store, but an agent's change counts as stored only when `replicas` have it too, also in the answer to a
 * repeated call. Otherwise it throws DEPENDENCY_UNAVAILABLE. What a run records does not wait for replicas: the run's
 * task does.
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
        read: () => ["hget", scheduleKeys.of(which.agent), which.name],
        // Only the agent's fields are compared, because a run may have recorded facts since.
        isShownBy: (stored) => typeof stored === "string" && promiseOf(decode(stored)) === promiseOf(after),
      });
      return outcome;
    },
  };
}

const promiseOf = ({ cron, timeZone, spec, missed, paused }: Schedule): string =>
  JSON.stringify([cron, timeZone, spec, missed, paused]);

// The script compares schedules as text. JSON keeps the order of members, so an unchanged schedule gives the same text.
const encode = (schedule: Schedule | undefined): string => (schedule === undefined ? "" : JSON.stringify(schedule));

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only `encode` writes them
const decode = (stored: string): Schedule => JSON.parse(stored) as Schedule;

/** A schedule that cannot be decoded is left out, so it does not hide the others of a list. */
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
