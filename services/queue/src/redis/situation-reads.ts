import type { RedisClient } from "@ccsp/redis-kit";
import { type ExecutorView, PRESENT_MS } from "../domain/executors/executor-store.js";
import { REMEMBERED_RUNS } from "../domain/explain/run-times.js";
import type { Standing, Waiting } from "../domain/explain/situation.js";
import type { RunTimeStore, SituationStore } from "../domain/explain/situation-store.js";
import { CLASSES, type PriorityClass } from "../domain/task/task.js";
import { readClassLine } from "./class-line.js";
import { decodeGates } from "./gate-calls.js";
import type { QueueKeys } from "./keys.js";
import { MOST_HELD, readTasksIn } from "./task-pages.js";

/** Each is counted by a command of its own. */
const MOST_AGENTS = 500;

interface Needs {
  readonly now: () => Promise<number>;
  readonly executors: (seenWithinMs: number) => Promise<readonly ExecutorView[]>;
}

/** What one task meets in this shard; looked at piece by piece while the queue goes on, so only almost of one moment. */
export function createSituationReads(
  redis: RedisClient,
  keys: QueueKeys,
  { now, executors }: Needs,
): SituationStore & RunTimeStore {
  // "0" follows "/" in ASCII: the end of the members that begin with a name.
  const countIn = (zset: string, name: string): Promise<number> => redis.zlexcount(zset, `[${name}/`, `(${name}0`);
  const olderIn = (lines: string, agent: string, { id, created, since = created }: Waiting): Promise<number> =>
    redis.zlexcount(lines, `[${agent}/`, `(${agent}/${since.toString(16).padStart(11, "0")}/${id}`);

  const readGates = async (engine: string): Promise<Pick<Standing, "gates" | "bounds">> => {
    const { gates, limits } = decodeGates(await redis.hgetall(keys.gates));
    const own = [...limits].filter(([account]) => account.startsWith(`${engine}/`));
    return { gates, bounds: new Map(own.map(([account, limit]) => [account.slice(engine.length + 1), limit])) };
  };

  const readBuckets = async ({ engine, agent }: Waiting): Promise<Standing["buckets"]> => {
    const names = ["requests", "tokens"].flatMap((what) => [`${what}/engine/${engine}`, `${what}/agent/${agent}`]);
    const values = await redis.hmget(keys.rates, ...names);
    return new Map(
      values.flatMap((value, i) => {
        const [level = 0, timeMs = 0] = value?.split(" ").map(Number) ?? [];
        return value ? [[names[i] ?? "", { level, timeMs }] as const] : [];
      }),
    );
  };

  const readClasses = async (engine: string): Promise<Standing["classes"]> => {
    const credits = await redis.hmget(keys.engine(engine).rota, ...CLASSES);
    const read = async (priority: PriorityClass, credit: string | null | undefined) => ({
      ...(await readClassLine(redis, keys, { engine, class: priority })),
      credit: Number(credit ?? 0),
    });
    const [urgent, high, normal, low] = await Promise.all([
      read("urgent", credits[0]),
      read("high", credits[1]),
      read("normal", credits[2]),
      read("low", credits[3]),
    ]);
    return { urgent, high, normal, low };
  };

  const readTurns = async ({ engine, agent, class: priority }: Waiting) => {
    const of = keys.engine(engine);
    const turns = of[`${priority}Turns`];
    const [flat, own, classTime] = await Promise.all([
      redis.zrange(turns, "0", String(MOST_AGENTS - 1), "WITHSCORES"),
      redis.zscore(turns, agent),
      redis.hget(of.rota, `time:${priority}`),
    ]);
    const agents = flat.filter((_, i) => i % 2 === 0);
    const counts = await Promise.all(agents.map((name) => countIn(of[`${priority}Lines`], name)));
    return {
      turns: agents.map((name, i) => ({ agent: name, time: Number(flat[2 * i + 1]), waiting: counts[i] ?? 0 })),
      // Who comes now takes its turns from now on.
      turnTime: Math.max(Number(own ?? 0), Number(classTime ?? 0)),
    };
  };

  const readRunning = async ({ agent, engine, labels = [] }: Waiting, bounds: Standing["bounds"]) => {
    const logins = [...bounds.keys()].map((account) => `account/${engine}/${account}`);
    const names = [`agent/${agent}`, `urgent/${engine}`, ...labels.map((label) => `label/${label}`), ...logins];
    const counts = await redis.hmget(keys.running, ...names);
    return new Map(names.map((name, i) => [name, Number(counts[i] ?? 0)]));
  };

  return {
    async standing(task) {
      const { engine, agent, class: priority } = task;
      const { gates, bounds } = await readGates(engine);
      const [nowMs, running, buckets, cost, classes, turns, aheadOfAgent] = await Promise.all([
        now(),
        readRunning(task, bounds),
        readBuckets(task),
        redis.hget(keys.meta, `cost:${engine}`),
        readClasses(engine),
        readTurns(task),
        olderIn(keys.engine(engine)[`${priority}Lines`], agent, task),
      ]);
      return { nowMs, gates, bounds, running, buckets, cost: Number(cost ?? 1), classes, ...turns, aheadOfAgent };
    },

    async surroundings(task) {
      const { engine, class: priority, created, since = created } = task;
      const of = keys.engine(engine);
      const lines = of[`${priority}Lines`];
      const [views, held, waiting, runs, agents] = await Promise.all([
        executors(PRESENT_MS),
        readTasksIn(redis, keys, keys.leases, MOST_HELD),
        Promise.all(CLASSES.map((each) => redis.zcard(of[`${each}Lines`]))),
        redis.lrange(keys.runs(engine), 0, -1),
        redis.zrangebyscore(of[`${priority}Heads`], "-inf", since, "LIMIT", 0, MOST_AGENTS),
      ]);
      const [urgent = 0, ...others] = waiting;
      const older = await Promise.all(agents.map((agent) => olderIn(lines, agent, task)));
      const sum = (counts: readonly number[]): number => counts.reduce((total, each) => total + each, 0);
      return {
        executors: views.flatMap(({ id, draining, offers }) => {
          const offer = offers.find((each) => each.engine === engine);
          const own = held.filter((each) => each.executor === id && each.engine === engine);
          return offer
            ? [{ id, draining, account: offer.account, slots: offer.slots, held: own.map(({ leased = 0 }) => leased) }]
            : [];
        }),
        aheadInClass: sum(older),
        waiting: { urgent, others: sum(others) },
        elsewhere: [],
        runs: runs.map((run) => ({ ms: Number.parseInt(run, 10), model: run.slice(run.indexOf(" ") + 1) })),
      };
    },

    async rememberRun({ engine }, { ms, model }) {
      const runs = keys.runs(engine);
      await redis
        .pipeline()
        .lpush(runs, `${Math.round(ms)} ${model}`)
        .ltrim(runs, 0, REMEMBERED_RUNS - 1)
        .exec();
    },
  };
}
