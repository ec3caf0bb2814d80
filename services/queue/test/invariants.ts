import assert from "node:assert/strict";
import { shardOfAgent } from "../src/domain/task/shard.js";
import { CLASSES, isEnded, isHeld, type Task } from "../src/domain/task/task.js";
import { decodeTask } from "../src/redis/decode.js";
import { type QueueKeys, queueKeys } from "../src/redis/keys.js";
import { ENGINES, type World } from "./world.js";

type Checked = Pick<World, "redis" | "shards" | "store">;

/**
 * Checks what must hold after every change: each task is in exactly the indexes that belong to its state, and no index
 * has more.
 */
export async function checkInvariants(world: Checked): Promise<readonly Task[]> {
  const checkOne = async (_: unknown, shard: number): Promise<readonly Task[]> => {
    const found = await checkShard(world, queueKeys(shard));
    for (const { id, agent } of found) {
      assert.ok(id.startsWith(`${shard}-`) && shardOfAgent(agent, world.shards) === shard, `${id} is in its shard`);
    }
    return found;
  };
  return (await Promise.all(Array.from({ length: world.shards }, checkOne))).flat();
}

/** Reads all sorted sets of a shard at the same time, because this runs after each of thousands of steps. */
async function readSortedSets({ client }: Checked["redis"], keys: QueueKeys) {
  const { bench, leases, parked, ended, pinned, blocked, alarms, owned } = keys;
  const ofEngines = ENGINES.flatMap((engine) => {
    const { rota: _, ...sets } = keys.engine(engine);
    return Object.values(sets);
  });
  const names = [...ofEngines, bench, leases, parked, ended, pinned, blocked, alarms, owned];
  const read = async (name: string) => {
    const flat = await client.zrangebyscore(name, "-inf", "+inf", "WITHSCORES");
    const pairs = flat.flatMap((member, i) => (i % 2 === 0 ? [[member, Number(flat[i + 1])] as const] : []));
    return [name, Object.fromEntries(pairs)] as const;
  };
  const sets = new Map(await Promise.all(names.map(read)));
  const scores = (name: string) => sets.get(name) ?? assert.fail(`${name} was not read`);
  return { scores, members: (name: string) => Object.keys(scores(name)).toSorted() };
}

async function checkShard({ redis, store }: Checked, keys: QueueKeys): Promise<readonly Task[]> {
  const { client } = redis;
  const [records, { scores, members }, loads, running, results] = await Promise.all([
    client.hgetall(keys.tasks),
    readSortedSets(redis, keys),
    client.hgetall(keys.load),
    client.hgetall(keys.running),
    client.hkeys(keys.results),
  ]);
  const tasks = Object.entries(records).map(([id, record]) => decodeTask(id, record));
  const logs = await Promise.all(tasks.map(({ id }) => store.readLog(id, 0, 1_000)));
  const idsOf = (pick: (task: Task) => boolean) =>
    tasks
      .filter(pick)
      .map(({ id }) => id)
      .toSorted();
  for (const engine of ENGINES) {
    for (const priority of CLASSES) {
      const waiting = tasks.filter(
        (task) => task.state === "QUEUED" && task.engine === engine && task.class === priority,
      );
      const of = keys.engine(engine);
      const inLine = waiting.filter(({ pin, blocked }) => pin === undefined && blocked === undefined);
      const line = inLine.map(({ agent, id, ...task }) => `${agent}/${ageOf(task)}/${id}`);
      assert.deepEqual(members(of[`${priority}Lines`]), line.toSorted(), `${engine} ${priority} waiting line`);
      const heads = new Map<string, number>();
      for (const { agent, created, since = created } of inLine) {
        heads.set(agent, Math.min(since, heads.get(agent) ?? since));
      }
      assert.deepEqual(
        scores(of[`${priority}Heads`]),
        Object.fromEntries(heads),
        "heads are the oldest of each waiting line",
      );
      const turns = members(of[`${priority}Turns`]);
      const throttled = members(keys.bench).flatMap((member) => {
        const [, first, second, third] = /^agent\/(.+)\/(.+)\/(.+)$/.exec(member) ?? [];
        if (first !== undefined) return second === engine && third === priority ? [first] : [];
        const [, back, backClass, agent] = /^back\/(.+)\/(.+)\/(.+)$/.exec(member) ?? [];
        return back === engine && backClass === priority && agent !== undefined ? [agent] : [];
      });
      const known = new Set([...turns, ...throttled]);
      assert.ok(
        inLine.every(({ agent }) => known.has(agent)),
        "an agent that waits has its turn, or is throttled",
      );
    }
  }
  assert.deepEqual(
    members(keys.leases),
    idsOf(({ state }) => isHeld(state)),
    "leases are the tasks that executors hold",
  );
  assert.deepEqual(
    members(keys.parked),
    idsOf(({ state }) => state === "PARKED" || state === "SCHEDULED"),
    "parked holds the parked and the scheduled tasks",
  );
  assert.deepEqual(
    members(keys.ended),
    idsOf(({ state }) => isEnded(state)),
    "ended holds the ended tasks",
  );
  const counts = new Map<string, number>();
  for (const { agent, engine, account, executor, class: priority, labels = [], state } of tasks) {
    if (!isHeld(state)) continue;
    const names = [`agent/${agent}`, `account/${engine}/${account}`, `executor/${executor}`];
    const more = [...labels.map((label) => `label/${label}`), ...(priority === "urgent" ? [`urgent/${engine}`] : [])];
    for (const name of [...names, ...more]) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const leased = Object.fromEntries([...counts].map(([name, count]) => [name, String(count)]));
  assert.deepEqual(running, leased, "running counts the tasks that executors hold");
  const waiting = tasks.filter(({ state }) => !isHeld(state) && !isEnded(state));
  const pinned = waiting
    .filter(({ state, pin, blocked }) => state === "QUEUED" && pin !== undefined && blocked === undefined)
    .map(({ pin, engine, class: priority, id, ...task }) => `${pin}/${engine}/${priority}/${ageOf(task)}/${id}`);
  assert.deepEqual(members(keys.pinned), pinned.toSorted(), "pinned holds the tasks that wait for one executor");
  const blocked = waiting.flatMap(({ blocked: reason, id, ...task }) =>
    reason === undefined ? [] : [`${reason}/${ageOf(task)}/${id}`],
  );
  assert.deepEqual(members(keys.blocked), blocked.toSorted(), "blocked holds the tasks that a label blocks");
  const alarms = waiting.flatMap(({ id, created, deadline = Infinity, attempt = 0, pin, pinMs = Infinity }) => {
    const at = Math.min(attempt > 0 ? Infinity : deadline, pin === undefined ? Infinity : created + pinMs);
    return at === Infinity ? [] : [[id, at]];
  });
  assert.deepEqual(scores(keys.alarms), Object.fromEntries(alarms), "alarms hold the tasks that change at a time");
  const load: Record<string, string> = {};
  const scheduled = waiting.filter(({ state }) => state === "SCHEDULED").length;
  if (scheduled > 0) load["scheduled"] = String(scheduled);
  for (const { class: priority, agent, size } of waiting) {
    for (const scope of ["all", `class/${priority}`, `agent/${agent}`]) {
      load[`${scope}/tasks`] = String(Number(load[`${scope}/tasks`] ?? 0) + 1);
      load[`${scope}/bytes`] = String(Number(load[`${scope}/bytes`] ?? 0) + size);
    }
  }
  const kept = tasks.flatMap((task) => (task.kept === undefined ? [] : [task.kept]));
  if (tasks.some(({ ended }) => ended !== undefined)) load["ended/bytes"] = String(sum(kept));
  const { "ended/bytes": none, ...counted } = loads;
  assert.deepEqual(
    { ...counted, ...(Number(none) > 0 && { "ended/bytes": none }) },
    load,
    "load is the number and bytes of waiting and kept tasks",
  );
  const owned = tasks.map(({ agent, id }) => `${agent}/${id}`);
  assert.deepEqual(members(keys.owned), owned.toSorted(), "owned holds every task");
  const succeeded = idsOf(({ state }) => state === "SUCCEEDED");
  assert.deepEqual(results.toSorted(), succeeded, "a result is stored with its end");

  const fences = tasks.filter(({ state }) => isHeld(state)).map(({ fence }) => fence);
  assert.equal(new Set(fences).size, fences.length, "no two live leases share a fence");
  for (const [i, task] of tasks.entries()) {
    assert.ok((task.spent ?? 0) <= task.max, `${task.id} has not used more attempts than allowed`);
    const log = logs[i]?.entries ?? [];
    assert.deepEqual(
      log.map((entry) => entry.sequence),
      log.map((_, i) => i + 2),
      "a log has no gap",
    );
    const states = log.flatMap(({ content }) => (content.kind === "state" ? [content.state] : []));
    const after = states.flatMap((state, i) => (isEnded(state) ? [states[i + 1] ?? "nothing"] : []));
    const [last, ...earlier] = isEnded(task.state) ? after.toReversed() : ["nothing", ...after];
    assert.ok(
      last === "nothing" && earlier.every((next) => next === "QUEUED"),
      `a log ends with the state of its task: ${states.join()}`,
    );
  }
  return tasks;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

const ageOf = ({ created, since = created }: { created: number; since?: number }): string =>
  since.toString(16).padStart(11, "0");
