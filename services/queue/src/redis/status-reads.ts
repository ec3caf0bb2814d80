import type { RedisClient } from "@ccsp/redis-kit";
import type { ExecutorStore, Offer } from "../domain/executors/executor-store.js";
import { byLoad, type StatusStore } from "../domain/status/status-store.js";
import { CLASSES, type Task } from "../domain/task/task.js";
import { readClassLine } from "./class-line.js";
import type { QueueKeys } from "./keys.js";
import { MOST_HELD, readTasksIn } from "./task-pages.js";

/** Of what a label keeps back, of what waits for one executor and of what waits for a time: of each there can be as many as there are tasks. */
const MOST_READ = 2_000;

/** What waits and runs, counted from the indexes; where they do not say of which class or agent a task is, from its record. */
export function createStatusReads(
  redis: RedisClient,
  keys: QueueKeys,
  { engines, now }: { readonly engines: readonly string[]; readonly now: () => Promise<number> },
): StatusStore & ExecutorStore {
  const tasksIn = (zset: string, most: number) => readTasksIn(redis, keys, zset, most);

  return {
    async depths() {
      const places = engines.flatMap((engine) => CLASSES.map((priority) => ({ engine, class: priority })));
      const [at, lines, held, timed, ...aside] = await Promise.all([
        now(),
        Promise.all(places.map(async (place) => ({ ...place, ...(await readClassLine(redis, keys, place)) }))),
        tasksIn(keys.leases, MOST_HELD),
        tasksIn(keys.parked, MOST_READ),
        ...[keys.pinned, keys.blocked].map((zset) => tasksIn(zset, MOST_READ)),
      ]);
      return lines.map(({ oldestMs = Number.POSITIVE_INFINITY, ...line }) => {
        const here = (task: Task): boolean => task.engine === line.engine && task.class === line.class;
        const waiting = aside.flat().filter(here);
        const oldest = Math.min(oldestMs, ...waiting.map(({ created, since = created }) => since));
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
      const [load, running] = await Promise.all([redis.hgetall(keys.load), redis.hgetall(keys.running)]);
      const agents = new Set<string>();
      for (const field of [...Object.keys(load), ...Object.keys(running)]) {
        const [, agent] = /^agent\/([^/]+)/.exec(field) ?? [];
        if (agent !== undefined) agents.add(agent);
      }
      return [...agents]
        .map((agent) => ({
          agent,
          waiting: Number(load[`agent/${agent}/tasks`] ?? 0),
          running: Number(running[`agent/${agent}`] ?? 0),
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
            redis.hget(keys.running, `executor/${id}`),
          ]);
          return {
            id,
            leases: Number(leases),
            seenMs: Number(seen),
            draining: draining === "1",
            offers: decodeOffers(offers),
          };
        }),
      );
    },
  };
}

/** Written by this service alone, so its shape is trusted. Absent in the record of an executor that called an older one. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
const decodeOffers = (json: string | null | undefined): readonly Offer[] => JSON.parse(json ?? "[]") as Offer[];
