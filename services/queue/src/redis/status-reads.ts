import type { RedisClient } from "@ccsp/redis-kit";
import { byLoad, type Depth, type Offer, type TaskStore } from "../domain/store.js";
import { CLASSES, type Task } from "../domain/task.js";
import { decodeTask } from "./decode.js";
import type { QueueKeys } from "./keys.js";

export type StatusReads = Pick<TaskStore, "depths" | "agentLoads" | "counts" | "executors">;

// Records are read so many at a time, so that Redis is never busy for long.
const PAGE = 500;
/** Of what waits for a time or for one executor there can be as many as there are tasks. */
const MOST_READ = 2_000;
/** More runs than this are not counted by class and agent. */
const MOST_HELD = 20_000;

/** What waits and runs, counted from the indexes; where they do not say of which class or agent a task is, from its record. */
export function createStatusReads(
  redis: RedisClient,
  keys: QueueKeys,
  { engines, now }: { readonly engines: readonly string[]; readonly now: () => Promise<number> },
): StatusReads {
  const tasksIn = async (zset: string, most: number): Promise<Task[]> => {
    const ids = await redis.zrange(zset, "0", String(most - 1));
    const tasks: Task[] = [];
    for (let from = 0; from < ids.length; from += PAGE) {
      const page = ids.slice(from, from + PAGE).map(idOf);
      const records = await redis.hmget(keys.tasks, ...page);
      for (const [i, record] of records.entries()) if (record) tasks.push(decodeTask(page[i] ?? "", record));
    }
    return tasks;
  };

  const depthOf = async (place: Pick<Depth, "engine" | "class">) => {
    const of = keys.engine(place.engine);
    const [waiting, [, oldest]] = await Promise.all([
      redis.zcard(of[`${place.class}Lines`]),
      redis.zrangebyscore(of[`${place.class}Heads`], "-inf", "+inf", "WITHSCORES", "LIMIT", 0, 1),
    ]);
    return { ...place, waiting, oldest: oldest === undefined ? Number.POSITIVE_INFINITY : Number(oldest) };
  };

  return {
    async depths() {
      const places = engines.flatMap((engine) => CLASSES.map((priority) => ({ engine, class: priority })));
      const [at, lines, held, timed, ...aside] = await Promise.all([
        now(),
        Promise.all(places.map((place) => depthOf(place))),
        tasksIn(keys.leases, MOST_HELD),
        tasksIn(keys.parked, MOST_READ),
        ...[keys.pinned, keys.blocked].map((zset) => tasksIn(zset, MOST_READ)),
      ]);
      return lines.map(({ oldest: first, ...line }) => {
        const here = (task: Task): boolean => task.engine === line.engine && task.class === line.class;
        const waiting = aside.flat().filter(here);
        const oldest = Math.min(first, ...waiting.map(({ created, since = created }) => since));
        return {
          ...line,
          waiting: line.waiting + waiting.length,
          oldestAgeMs: Number.isFinite(oldest) ? Math.max(0, at - oldest) : undefined,
          running: held.filter(here).length,
          parked: timed.filter(here).length,
        };
      });
    },

    async agentLoads(count) {
      const [load, held] = await Promise.all([redis.hgetall(keys.load), tasksIn(keys.leases, MOST_HELD)]);
      const running = new Map<string, number>();
      for (const { agent } of held) running.set(agent, (running.get(agent) ?? 0) + 1);
      const agents = new Set(running.keys());
      for (const field of Object.keys(load)) {
        const [, agent] = /^agent\/(.+)\/tasks$/.exec(field) ?? [];
        if (agent !== undefined) agents.add(agent);
      }
      return [...agents]
        .map((agent) => ({
          agent,
          waiting: Number(load[`agent/${agent}/tasks`] ?? 0),
          running: running.get(agent) ?? 0,
        }))
        .toSorted(byLoad)
        .slice(0, count);
    },

    async counts() {
      const [leased, timed, ended, [scheduled, bytes]] = await Promise.all([
        redis.zcard(keys.leases),
        redis.zcard(keys.parked),
        redis.zcard(keys.ended),
        redis.hmget(keys.load, "scheduled", "all/bytes"),
      ]);
      const parked = Math.max(0, timed - Number(scheduled));
      return { leased, parked, scheduled: Number(scheduled), ended, waitingBytes: Number(bytes) };
    },

    async executors(seenWithinMs) {
      const ids = await redis.zrangebyscore(keys.executors, (await now()) - seenWithinMs, "+inf");
      return Promise.all(
        ids.map(async (id) => {
          const [[seen, draining, offers], leases] = await Promise.all([
            redis.hmget(keys.executor(id), "seen", "draining", "offers"),
            redis.zlexcount(keys.held, `[${id}/`, `(${id}0`),
          ]);
          return { id, leases, seenMs: Number(seen), draining: draining === "1", offers: decodeOffers(offers) };
        }),
      );
    },
  };
}

/** Of a member that has the id at its end. */
const idOf = (member: string): string => member.slice(member.lastIndexOf("/") + 1);

/** Written by this service alone, so its shape is trusted. Absent in the record of an executor that called an older one. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
const decodeOffers = (json: string | null | undefined): readonly Offer[] => JSON.parse(json ?? "[]") as Offer[];
