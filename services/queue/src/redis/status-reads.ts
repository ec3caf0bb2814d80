import type { ExecutorStore, ExecutorView, Offer } from "../domain/executors/executor-store.js";
import { scopeName } from "../domain/gates/scope.js";
import {
  byLoad,
  type Depth,
  joinBacklogs,
  type LabelLoad,
  MOST_MINUTES,
  type StatusStore,
} from "../domain/status/status-store.js";
import { CLASSES, type Task } from "../domain/task/task.js";
import { readClassLine } from "./class-line.js";
import type { Shard } from "./shard.js";
import { MOST_HELD, readTasksIn } from "./task-pages.js";

/** The most tasks that are read from an index of blocked, pinned or parked tasks. Each of these can have all tasks. */
const MOST_READ = 2_000;

/** Counts what waits and runs, from the indexes. Where an index does not say the class of a task, its record does. */
export const createStatusReads = (shard: Shard): StatusStore => ({
  depths: () => readDepths(shard),

  async backlog() {
    const places = shard.engines.flatMap((engine) => CLASSES.map((priority) => ({ engine, class: priority })));
    const [at, lines] = await Promise.all([
      shard.now(),
      Promise.all(places.map(async (place) => ({ ...place, ...(await readClassLine(shard, place)) }))),
    ]);
    return joinBacklogs(
      lines.map(({ engine, waiting, oldestMs }) => ({
        engine,
        waiting,
        oldestAgeMs: oldestMs === undefined ? undefined : Math.max(0, at - oldestMs),
      })),
    );
  },

  async agentLoads(count) {
    const { redis, keys } = shard;
    const [load, running] = await Promise.all([redis.hgetall(keys.load), redis.hgetall(keys.running)]);
    const agents = new Set<string>();
    for (const field of [...Object.keys(load), ...Object.keys(running)]) {
      const [, agent] = /^agent\/([^/]+)/.exec(field) ?? [];
      if (agent !== undefined) agents.add(agent);
    }
    const loads = [...agents].map((agent) => {
      const name = scopeName({ kind: "agent", agent });
      return { agent, waiting: Number(load[`${name}/tasks`] ?? 0), running: Number(running[name] ?? 0) };
    });
    return loads.toSorted(byLoad).slice(0, count);
  },

  async heldByLabels(most) {
    const { redis, keys } = shard;
    const held: LabelLoad[] = [];
    for (let from = "[label/"; held.length < most; ) {
      const [next] = await redis.zrangebylex(keys.blocked, from, "(label0", "LIMIT", 0, 1);
      if (next === undefined) break;
      const reason = next.split("/").slice(0, -2).join("/");
      const [waiting, running] = await Promise.all([
        redis.zlexcount(keys.blocked, `[${reason}/`, `(${reason}0`),
        redis.hget(keys.running, reason),
      ]);
      held.push({ label: reason.slice("label/".length), waiting, running: Number(running ?? 0) });
      from = `(${reason}0`;
    }
    return held;
  },

  async counts() {
    const { redis, keys } = shard;
    const [leased, timed, ended, [scheduled, tasks, bytes]] = await Promise.all([
      redis.zcard(keys.leases),
      redis.zcard(keys.parked),
      redis.zcard(keys.ended),
      redis.hmget(keys.load, "scheduled", "all/tasks", "all/bytes"),
    ]);
    const parked = Math.max(0, timed - Number(scheduled));
    const waiting = Math.max(0, Number(tasks) - timed);
    return { leased, waiting, parked, scheduled: Number(scheduled), ended, waitingBytes: Number(bytes) };
  },

  async noteMinute() {
    const { keys, scripts, clock } = shard;
    const { minutes, leases, parked, load } = keys;
    await scripts.noteMinute({ minutes, leases, parked, load }, clock(), MOST_MINUTES);
  },

  async history(count) {
    const { redis, keys, now } = shard;
    const [at, newest] = await Promise.all([now(), redis.lrange(keys.minutes, 0, count - 1)]);
    const first = Math.floor(at / 60_000) - count + 1;
    return newest
      .map((noted) => {
        const [minute = 0, running = 0, waiting = 0, parked = 0] = noted.split(" ").map(Number);
        return { minute, running, waiting, parked };
      })
      .filter(({ minute }) => minute >= first)
      .toReversed();
  },
});

async function readDepths(shard: Shard): Promise<readonly Depth[]> {
  const { keys, engines, now } = shard;
  const places = engines.flatMap((engine) => CLASSES.map((priority) => ({ engine, class: priority })));
  const [at, lines, held, timed, ...aside] = await Promise.all([
    now(),
    Promise.all(places.map(async (place) => ({ ...place, ...(await readClassLine(shard, place)) }))),
    readTasksIn(shard, keys.leases, MOST_HELD),
    readTasksIn(shard, keys.parked, MOST_READ),
    ...[keys.pinned, keys.blocked].map((zset) => readTasksIn(shard, zset, MOST_READ)),
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
}

/** Tells which executors there are. */
export const createExecutorReads = ({ redis, keys, now }: Shard): ExecutorStore => ({
  async executors(seenWithinMs) {
    const ids = await redis.zrangebyscore(keys.executors, (await now()) - seenWithinMs, "+inf");
    return Promise.all(
      ids.map(async (id): Promise<ExecutorView> => {
        const [[seen, drains, offers, address], leases] = await Promise.all([
          redis.hmget(keys.executor(id), "seen", "draining", "offers", "address"),
          redis.hget(keys.running, `executor/${id}`),
        ]);
        const draining = drains === "1";
        return {
          id,
          leases: Number(leases),
          seenMs: Number(seen),
          draining,
          offers: decodeOffers(offers),
          address: address ?? "",
        };
      }),
    );
  },
});

/** Only this service writes them, so their shape is trusted. A record by an older release has none. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
const decodeOffers = (json: string | null | undefined): readonly Offer[] => JSON.parse(json ?? "[]") as Offer[];
