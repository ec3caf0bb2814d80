import type { Line, LineStore } from "../domain/explain/situation-store.js";
import type { LineUp } from "../domain/explain/start-order.js";
import { CLASSES, type PriorityClass } from "../domain/task/task.js";
import { readClassLine } from "./class-line.js";
import type { Shard } from "./shard.js";

/** Reads the waiting lines in their order. */
export const createLineReads = (shard: Shard): LineStore => ({
  lineUps: async (engine, most) => [await readLineUp(shard, engine, most)],

  idsInLine: (line, count) => readLine(shard, line, count),

  idsAside: (most) => readAside(shard, most),
});

/** "0" follows "/" in ASCII, so `agent0` is the end of the members of an agent. */
const endOf = (name: string): string => `(${name}0`;
const idOf = (member: string): string => member.slice(member.lastIndexOf("/") + 1);

async function readLine({ redis, keys }: Shard, { engine, class: priority, agent }: Line, count: number) {
  const members = await redis.zrangebylex(
    keys.engine(engine)[`${priority}Lines`],
    `[${agent}/`,
    endOf(agent),
    "LIMIT",
    0,
    count,
  );
  return members.map(idOf);
}

async function readLineUp(shard: Shard, engine: string, most: number): Promise<LineUp> {
  const { redis, keys, now } = shard;
  const [nowMs, cost, urgentRunning, rota, back] = await Promise.all([
    now(),
    redis.hget(keys.meta, `cost:${engine}`),
    redis.hget(keys.running, `urgent/${engine}`),
    redis.hgetall(keys.engine(engine).rota),
    // The next claim gives these agents turns again.
    redis.zrangebylex(keys.bench, `[back/${engine}/`, endOf(`back/${engine}`)),
  ]);
  const read = async (priority: PriorityClass) => {
    const of = keys.engine(engine);
    const [{ oldestMs }, flat] = await Promise.all([
      readClassLine(shard, { engine, class: priority }),
      redis.zrange(of[`${priority}Turns`], "0", String(most - 1), "WITHSCORES"),
    ]);
    const classTime = Number(rota[`time:${priority}`] ?? 0);
    const times = new Map(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, Number(flat[i + 1])] as const] : [])));
    for (const member of back) {
      const [, , ofClass, agent = ""] = member.split("/");
      if (ofClass === priority) times.set(agent, Math.max(times.get(agent) ?? 0, classTime));
    }
    const agents = [...times];
    const counts = await Promise.all(
      agents.map(([agent]) => redis.zlexcount(of[`${priority}Lines`], `[${agent}/`, endOf(agent))),
    );
    const turns = agents.map(([agent, time], i) => ({ agent, time, waiting: counts[i] ?? 0 }));
    return { oldestMs, credit: Number(rota[priority] ?? 0), turns };
  };
  const [urgent, high, normal, low] = await Promise.all(CLASSES.map(read));
  if (!urgent || !high || !normal || !low) throw new Error("a class is missing");
  const classes = { urgent, high, normal, low };
  return { nowMs, cost: Number(cost ?? 1), urgentRunning: Number(urgentRunning ?? 0), classes };
}

/** Lines of throttled agents in one reading. Lines without a task stay in their list, so the readings are bounded. */
const [LINES_AT_ONCE, MOST_READINGS] = [100, 10];

async function readAside(shard: Shard, most: number): Promise<readonly string[]> {
  const { redis, keys } = shard;
  const last = String(most - 1);
  const [throttled, ...others] = await Promise.all([
    readThrottled(shard, most),
    redis.zrange(keys.blocked, "0", last),
    redis.zrange(keys.pinned, "0", last),
    redis.zrange(keys.parked, "0", last),
  ]);
  return [...throttled, ...others.flat().map(idOf)];
}

/** The tasks of agents that may not start any now. Their agents are in the skip list, and in no turn. */
async function readThrottled(shard: Shard, most: number): Promise<readonly string[]> {
  const { redis, keys } = shard;
  const ids: string[] = [];
  let from = "[agent/";
  for (let readings = 0; readings < MOST_READINGS && ids.length < most; readings += 1) {
    const members = await redis.zrangebylex(keys.bench, from, endOf("agent"), "LIMIT", 0, LINES_AT_ONCE);
    const lines = await Promise.all(
      members.map((member) => {
        const [, agent = "", engine = "", name] = member.split("/");
        const priority = CLASSES.find((each) => each === name) ?? "normal";
        return readLine(shard, { engine, class: priority, agent }, most - ids.length);
      }),
    );
    ids.push(...lines.flat());
    if (members.length < LINES_AT_ONCE) break;
    from = `(${members.at(-1)}`;
  }
  return ids.slice(0, most);
}
