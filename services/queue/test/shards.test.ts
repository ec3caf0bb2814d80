import assert from "node:assert/strict";
import { reap } from "../src/domain/due/reaper.js";
import { type Scope, scopeName } from "../src/domain/gates/scope.js";
import type { NewTask } from "../src/domain/intake/intake-store.js";
import { asAgent } from "../src/domain/task/caller.js";
import { queueKeys } from "../src/redis/keys.js";
import { claimShards } from "../src/redis/shards.js";
import { scopes } from "./scopes.js";
import { executor, newTask, startWorld, type World } from "./world.js";

const SHARDS = 4;
/** One agent for each shard. */
const AGENTS = ["bob", "erin", "carol", "alice"] as const;

describe("a queue of four shards", () => {
  let world: World;
  before(async () => void (world = await startWorld({ shards: SHARDS })));
  after(() => world.close());
  beforeEach(() => world.reset());

  const add = async (task: Partial<NewTask>) => (await world.queue.enqueue(newTask(task, SHARDS))).task;
  const shardsOf = (grants: readonly { task: { id: string } }[]) =>
    grants.map(({ task }) => task.id.slice(0, 1)).join("");

  it("keeps an agent's tasks, and their events, in the shard of its id", async () => {
    for (const [shard, agent] of AGENTS.entries()) {
      const { id } = await add({ agent });
      assert.equal(await world.redis.client.hexists(queueKeys(shard).tasks, id), 1);
      assert.equal(await world.redis.client.xlen(queueKeys(shard).events), 1);
      assert.deepEqual(await world.store.listIds(agent, undefined, 10), [id]);
    }
  });

  it("answers the beginnings of prompts in the order of the tasks, whatever their shards", async () => {
    const tasks = [];
    for (const agent of [...AGENTS, ...AGENTS.toReversed()])
      tasks.push(await add({ agent, prompts: Buffer.from(`${agent} ${tasks.length}`) }));
    const starts = await world.store.findPromptStarts(tasks);
    assert.deepEqual(
      starts.map(String),
      tasks.map(({ agent }, i) => `${agent} ${i}`),
    );
  });

  it("gives executors tasks from each shard in turn, however many one of them holds", async () => {
    for (let i = 0; i < 12; i++) await add({ agent: "bob" });
    for (const agent of AGENTS.slice(1)) for (let i = 0; i < 3; i++) await add({ agent });
    let given = "";
    for (let i = 0; i < 12; i++) given += shardsOf((await executor(world, { id: `ex-${i}` }).sync()).grants);
    for (const shard of "0123")
      assert.equal(given.split(shard).length - 1, 3, `${given}: shard ${shard} has a quarter of them`);
  });

  it("fills one executor from as many shards as needed", async () => {
    for (const agent of AGENTS) await add({ agent });
    const { grants } = await executor(world, { slots: 3 }).sync();
    assert.equal(new Set(shardsOf(grants)).size, 3);
    assert.equal((await world.store.counts()).leased, 3);
  });

  it("starts urgent tasks first, in any shard, up to their limit", async () => {
    for (const agent of AGENTS) await add({ agent, class: "high" });
    for (let i = 0; i < 4; i++) await add({ agent: "carol", class: "urgent" });
    const { grants } = await executor(world, { slots: 3 }).sync();
    assert.deepEqual(
      grants.map(({ task }) => task.class).toSorted(),
      ["high", "urgent", "urgent"],
      "two may overtake; the third waits for its turn",
    );
  });

  it("answers a repeated Sync with the same leases, even if other shards have work by then", async () => {
    await add({ agent: "alice" });
    const ex = executor(world);
    const first = await ex.sync({ sequence: 7n });
    for (const agent of AGENTS) await add({ agent });
    ex.held.clear();
    const second = await ex.sync({ sequence: 7n });
    assert.equal(world.seen.leased.length, 1);
    assert.deepEqual(
      second.grants.map(({ task, fence }) => [task.id, fence]),
      first.grants.map(({ task, fence }) => [task.id, fence]),
    );
    assert.equal((await world.store.counts()).leased, 1);
  });

  it("reports cancels and losses of all shards to an executor, also for a shard that does not exist", async () => {
    const tasks = [];
    for (const agent of AGENTS) tasks.push(await add({ agent }));
    const ex = executor(world, { slots: 4 });
    await ex.sync();
    for (const { id, agent } of tasks.slice(0, 2)) await world.queue.cancel(id, asAgent(agent), "enough");
    const stranger = `63-${tasks[0]?.id.slice(2)}`;
    ex.held.set(stranger, 1n);
    const { cancelled, lost } = await ex.sync();
    assert.deepEqual(
      cancelled.map(({ id }) => id).toSorted(),
      tasks
        .slice(0, 2)
        .map(({ id }) => id)
        .toSorted(),
    );
    assert.deepEqual(lost, [stranger]);
    await assert.rejects(world.queue.complete(stranger, 1, Buffer.from(""), {}), { reason: "LEASE_LOST" });
    await assert.rejects(world.queue.get(stranger, asAgent("bob")), { reason: "TASK_NOT_FOUND" });
  });

  it("frees leases that a new boot of the executor does not have, in every shard", async () => {
    for (const agent of AGENTS) await add({ agent });
    await executor(world, { slots: 4 }).sync();
    await executor(world, { boot: "boot-2", slots: 0 }).sync();
    assert.equal((await world.store.counts()).leased, 0);
  });

  describe("with a gate that a process set in some shards only, because it died or lost a shard for a moment,", () => {
    const KEEP = { retentionMs: 1e12, maxEnded: 1e6, maxEndedBytes: 1e12 };
    const tick = () => reap(world, KEEP);
    const pause = (scope: Scope, why: string, opensMs?: number) =>
      world.gates.pause(scope, { who: "ada", why, ...(opensMs !== undefined && { opensMs }) });
    const forgetIn = (shard: number, scope: Scope) => world.redis.client.hdel(queueKeys(shard).gates, scopeName(scope));
    const copyIn = async (shard: number, scope: Scope) =>
      JSON.parse((await world.redis.client.hget(queueKeys(shard).gates, scopeName(scope))) ?? "{}") as { why?: string };
    const startAll = async () => (await executor(world, { id: "all", boot: String(++boots), slots: 9 }).sync()).grants;
    let boots = 0;

    for (const scope of [scopes.all, scopes.engine("claude-code")]) {
      it(`closes ${scopeName(scope)} everywhere as in the first shard, when it is closed there`, async () => {
        for (const agent of AGENTS) await add({ agent });
        await pause(scope, "before");
        const before = await world.redis.client.hget(queueKeys(3).gates, scopeName(scope));
        await pause(scope, "now", world.clock.now + 60_000);
        await forgetIn(2, scope);
        await world.redis.client.hset(queueKeys(3).gates, scopeName(scope), before ?? "");
        await tick();
        assert.deepEqual(await startAll(), []);
        for (const shard of [0, 1, 2, 3]) assert.equal((await copyIn(shard, scope)).why, "now", `shard ${shard}`);
        world.clock.now += 120_000;
        await tick();
        assert.equal((await startAll()).length, AGENTS.length);
      });

      it(`opens ${scopeName(scope)} everywhere when it is open in the first shard`, async () => {
        for (const agent of AGENTS) await add({ agent });
        await pause(scope, "maintenance");
        await forgetIn(0, scope);
        await tick();
        assert.equal((await world.store.gates()).size, 0);
        assert.equal((await startAll()).length, AGENTS.length);
      });
    }

    it("notifies other services only of the call, not of the repair", async () => {
      await pause(scopes.all, "maintenance");
      await forgetIn(2, scopes.all);
      await tick();
      await forgetIn(0, scopes.all);
      await tick();
      const counts = await Promise.all(AGENTS.map((_, shard) => world.redis.client.xlen(queueKeys(shard).events)));
      assert.deepEqual(counts, [1, 0, 0, 0]);
    });

    it("shows the gates of the first shard", async () => {
      await pause(scopes.all, "maintenance");
      await forgetIn(1, scopes.all);
      assert.deepEqual([...(await world.store.gates()).keys()], ["all"]);
    });
  });

  it("counts the tasks of all shards", async () => {
    await add({ agent: "bob" });
    world.clock.now += 5_000;
    for (const agent of AGENTS) await add({ agent });
    await executor(world, { slots: 2 }).sync();
    const depth = (await world.store.depths()).find(
      ({ class: each, engine }) => each === "normal" && engine === "claude-code",
    );
    assert.deepEqual([depth?.waiting, depth?.running, depth?.parked], [3, 2, 0]);
    const { leased, parked, scheduled, ended, waitingBytes } = await world.store.counts();
    assert.deepEqual([leased, parked, scheduled, ended], [2, 0, 0, 0]);
    assert.ok(waitingBytes > 0);
    const [ex, ...others] = await world.store.executors(60_000);
    assert.deepEqual([ex?.id, ex?.leases, others], ["ex-1", 2, []]);
  });
});

describe("the number of shards", () => {
  let world: World;
  before(async () => void (world = await startWorld({ shards: 2 })));
  after(() => world.close());
  beforeEach(() => world.reset());

  it("is refused at start when tasks are stored with another number", async () => {
    const { client } = world.redis;
    await claimShards(client, 2);
    const { task } = await world.queue.enqueue(newTask({ agent: "alice" }, 2));
    await claimShards(client, 2);
    await assert.rejects(claimShards(client, 4), /CCSP_QUEUE_SHARDS is 4, but Redis holds tasks in 2/);
    await world.queue.cancel(task.id, asAgent("alice"), "");
    await world.store.remove(task);
    await claimShards(client, 4);
    await claimShards(client, 2);
  });

  it("is one for a Redis without a recorded number, so data of an older version is found", async () => {
    const { client } = world.redis;
    await client.hset(queueKeys(0).tasks, newTask().id, "{}");
    await assert.rejects(claimShards(client, 2), /holds tasks in 1/);
    await claimShards(client, 1);
  });
});
