import assert from "node:assert/strict";
import { shardOfAgent } from "../src/domain/shard.js";
import { CLASSES, isEnded, isHeld, type Task } from "../src/domain/task.js";
import { decodeTask } from "../src/redis/decode.js";
import { type QueueKeys, queueKeys } from "../src/redis/keys.js";
import { ENGINES, type World } from "./world.js";

/** What holds after every change: each task is in exactly the indexes that its state means, and no index has more. */
export async function checkInvariants(world: Pick<World, "redis" | "shards" | "store">): Promise<readonly Task[]> {
  const tasks: Task[] = [];
  for (let shard = 0; shard < world.shards; shard++) {
    const found = await checkShard(world, queueKeys(shard));
    for (const { id, agent } of found) {
      assert.ok(id.startsWith(`${shard}-`) && shardOfAgent(agent, world.shards) === shard, `${id} is in its shard`);
    }
    tasks.push(...found);
  }
  return tasks;
}

async function checkShard(
  { redis: { client }, store }: Pick<World, "redis" | "store">,
  keys: QueueKeys,
): Promise<readonly Task[]> {
  const tasks = Object.entries(await client.hgetall(keys.tasks)).map(([id, record]) => decodeTask(id, record));
  const idsOf = (pick: (task: Task) => boolean) =>
    tasks
      .filter(pick)
      .map(({ id }) => id)
      .toSorted();
  const inOrder = (zset: string) => client.zrangebyscore(zset, "-inf", "+inf");
  const members = async (zset: string) => (await inOrder(zset)).toSorted();

  for (const engine of ENGINES) {
    for (const priority of CLASSES) {
      const waiting = tasks.filter(
        (task) => task.state === "QUEUED" && task.engine === engine && task.class === priority,
      );
      const expected = waiting.toSorted((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1)).map(({ id }) => id);
      assert.deepEqual(await inOrder(keys.ready(engine, priority)), expected, `${engine} ${priority} in order`);
      const turns = new Set(await members(keys.turns(engine, priority)));
      assert.ok(
        waiting.every(({ agent }) => turns.has(agent)),
        "who waits has its turn",
      );
    }
  }
  assert.deepEqual(
    await members(keys.leases),
    idsOf(({ state }) => isHeld(state)),
    "leases are the held tasks",
  );
  assert.deepEqual(
    await members(keys.parked),
    idsOf(({ state }) => state === "PARKED"),
    "parked are the parked tasks",
  );
  assert.deepEqual(
    await members(keys.ended),
    idsOf(({ state }) => isEnded(state)),
    "ended are the ended tasks",
  );
  const holders = tasks.filter(({ state }) => isHeld(state)).map(({ executor, id }) => `${executor}/${id}`);
  assert.deepEqual(await members(keys.held), holders.toSorted(), "held is who holds what");
  const running = tasks
    .filter(({ state }) => isHeld(state))
    .flatMap(({ id, agent, engine, class: priority }) => [
      `agent/${agent}/${id}`,
      ...(priority === "urgent" ? [`urgent/${engine}/${id}`] : []),
    ]);
  assert.deepEqual(await members(keys.running), running.toSorted(), "running is the held tasks, as they are counted");
  const lines = tasks
    .filter(({ state }) => state === "QUEUED")
    .map(({ id, agent, engine, class: priority, created }) => `${agent}/${engine}/${priority}/${created}/${id}`);
  assert.deepEqual(await members(keys.lines), lines.toSorted(), "lines are the waiting tasks");
  const owned = tasks.map(({ agent, id }) => `${agent}/${id}`);
  assert.deepEqual(await members(keys.owned), owned.toSorted(), "owned is every task");
  const succeeded = idsOf(({ state }) => state === "SUCCEEDED");
  assert.deepEqual((await client.hkeys(keys.results)).toSorted(), succeeded, "a result is written with its end");

  const fences = tasks.filter(({ state }) => isHeld(state)).map(({ fence }) => fence);
  assert.equal(new Set(fences).size, fences.length, "no two live leases share a fence");
  for (const task of tasks) {
    assert.ok((task.spent ?? 0) <= task.max, `${task.id} has not spent more than it may`);
    const log = await store.readLog(task.id, 0, 1_000);
    assert.deepEqual(
      log.map((entry) => entry.sequence),
      log.map((_, i) => i + 2),
      "a log has no gap",
    );
    const ends = log.filter(({ content }) => content.kind === "state" && isEnded(content.state));
    assert.deepEqual(
      ends,
      isEnded(task.state) ? log.slice(-1) : [],
      "a log has one end, at its end, when the task has",
    );
  }
  return tasks;
}
