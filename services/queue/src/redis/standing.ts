import type { Standing, Waiting } from "../domain/explain/situation.js";
import { type Scope, scopeName } from "../domain/gates/scope.js";
import { CLASSES, type PriorityClass } from "../domain/task/task.js";
import { readClassLine } from "./class-line.js";
import { readGates } from "./gate-calls.js";
import type { Shard } from "./shard.js";

/** The most agents that are read. Each one is counted by a command of its own. */
export const MOST_AGENTS_READ = 500;

/**
 * Reads what can delay a task in its own shard. The queue continues meanwhile, so the values are only nearly from one
 * moment.
 */
export async function readStanding(shard: Shard, task: Waiting): Promise<Standing> {
  const { redis, keys, now } = shard;
  const { engine, class: priority } = task;
  const { gates, bounds } = await gatesFor(shard, engine);
  const [nowMs, running, buckets, cost, classes, turns, aheadOfAgent] = await Promise.all([
    now(),
    readRunning(shard, task, bounds),
    readBuckets(shard, task),
    redis.hget(keys.meta, `cost:${engine}`),
    readClasses(shard, engine),
    readTurns(shard, task),
    countOlder(shard, keys.engine(engine)[`${priority}Lines`], task.agent, task),
  ]);
  return { nowMs, gates, bounds, running, buckets, cost: Number(cost ?? 1), classes, ...turns, aheadOfAgent };
}

/** How many tasks of `agent` in a line are older than this task. */
export const countOlder = (
  { redis }: Shard,
  lines: string,
  agent: string,
  { id, created, since = created }: Waiting,
): Promise<number> => redis.zlexcount(lines, `[${agent}/`, `(${agent}/${since.toString(16).padStart(11, "0")}/${id}`);

async function gatesFor(shard: Shard, engine: string): Promise<Pick<Standing, "gates" | "bounds">> {
  const { gates, limits } = await readGates(shard);
  const own = [...limits].filter(([account]) => account.startsWith(`${engine}/`));
  return { gates, bounds: new Map(own.map(([account, limit]) => [account.slice(engine.length + 1), limit])) };
}

async function readRunning(
  { redis, keys }: Shard,
  { agent, engine, labels = [] }: Waiting,
  bounds: Standing["bounds"],
): Promise<Standing["running"]> {
  const scopes: Scope[] = [
    { kind: "agent", agent },
    ...labels.map((label) => ({ kind: "label", label }) as const),
    ...[...bounds.keys()].map((account) => ({ kind: "account", engine, account }) as const),
  ];
  const names = [`urgent/${engine}`, ...scopes.map(scopeName)];
  const counts = await redis.hmget(keys.running, ...names);
  return new Map(names.map((name, i) => [name, Number(counts[i] ?? 0)]));
}

async function readBuckets({ redis, keys }: Shard, { engine, agent }: Waiting): Promise<Standing["buckets"]> {
  const buckets = await redis.hkeys(keys.rates);
  const scopes = [scopeName({ kind: "engine", engine }), scopeName({ kind: "agent", agent })];
  const ofLogins = `/account/${engine}/`;
  const names = [
    ...["requests", "tokens"].flatMap((what) => scopes.map((scope) => `${what}/${scope}`)),
    ...buckets.filter((name) => name.includes(ofLogins)),
  ];
  const values = await redis.hmget(keys.rates, ...names);
  return new Map(
    values.flatMap((value, i) => {
      const [level = 0, timeMs = 0] = value?.split(" ").map(Number) ?? [];
      return value ? [[names[i] ?? "", { level, timeMs }] as const] : [];
    }),
  );
}

async function readClasses(shard: Shard, engine: string): Promise<Standing["classes"]> {
  const credits = await shard.redis.hmget(shard.keys.engine(engine).rota, ...CLASSES);
  const read = async (priority: PriorityClass) => ({
    ...(await readClassLine(shard, { engine, class: priority })),
    credit: Number(credits[CLASSES.indexOf(priority)] ?? 0),
  });
  const [urgent, high, normal, low] = await Promise.all([read("urgent"), read("high"), read("normal"), read("low")]);
  return { urgent, high, normal, low };
}

async function readTurns(
  { redis, keys }: Shard,
  { engine, agent, class: priority }: Waiting,
): Promise<Pick<Standing, "turns" | "turnTime">> {
  const of = keys.engine(engine);
  const [lines, turns] = [of[`${priority}Lines`], of[`${priority}Turns`]];
  const [flat, own, classTime] = await Promise.all([
    redis.zrange(turns, "0", String(MOST_AGENTS_READ - 1), "WITHSCORES"),
    redis.zscore(turns, agent),
    redis.hget(of.rota, `time:${priority}`),
  ]);
  const agents = flat.filter((_, i) => i % 2 === 0);
  // "0" follows "/" in ASCII: the end of the members that begin with a name.
  const counts = await Promise.all(agents.map((name) => redis.zlexcount(lines, `[${name}/`, `(${name}0`)));
  return {
    turns: agents.map((name, i) => ({ agent: name, time: Number(flat[2 * i + 1]), waiting: counts[i] ?? 0 })),
    // An agent that comes now takes its turns from the current time of the class on.
    turnTime: Math.max(Number(own ?? 0), Number(classTime ?? 0)),
  };
}
