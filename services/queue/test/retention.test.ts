import assert from "node:assert/strict";
import { reap } from "../src/domain/due/reaper.js";
import { createBulk } from "../src/domain/search/bulk.js";
import { ANY_TASK } from "../src/domain/search/filter.js";
import { listTasks } from "../src/domain/search/scan.js";
import { asAgent } from "../src/domain/task/caller.js";
import { queueKeys } from "../src/redis/keys.js";
import { scopes } from "./scopes.js";
import { inEveryRedis, keep, tasksOf } from "./task-world.js";
import { executor, failure, startWorld, type World, type WorldOptions } from "./world.js";

inEveryRedis("what the queue keeps", promises);

function promises(options: WorldOptions): void {
  let world: World;
  before(async () => void (world = await startWorld(options)));
  after(() => world.close());
  beforeEach(() => world.reset());
  const { add, state, start, leaseOne } = tasksOf(() => world);

  describe("retention", () => {
    it("leaves nothing of a task behind but its request id", async () => {
      const id = await add({ request: { id: "r", hash: "h" } });
      const { fence } = await leaseOne();
      await start(id, fence);
      await world.queue.complete(id, fence, Buffer.from("x"), {});
      await executor(world).sync({ sequence: 9n });
      world.clock.now += keep.retentionMs - 1;
      await reap(world, keep);
      assert.equal(await state(id), "SUCCEEDED");
      world.clock.now += 1;
      await reap(world, keep);
      const left = (await world.redis.client.keys("*")).toSorted();
      const { events, executor: executorKey, meta, minutes, request, engine } = queueKeys(0);
      const { rota, normalTurns } = engine("claude-code");
      assert.deepEqual(left, [events, executorKey("ex-1"), meta, minutes, request("alice", "r"), rota, normalTurns]);
    });

    it("forgets no task that has not ended", async () => {
      const id = await add();
      await world.store.remove({ id });
      assert.equal(await state(id), "QUEUED");
    });

    it("forgets the oldest ended tasks until the rest is within the limit of bytes", async () => {
      const ids: string[] = [];
      const answer = Buffer.alloc(10_000, "x");
      const line = Buffer.alloc(5_000, "y");
      for (let i = 0; i < 8; i++) {
        ids.push(await add());
        const { id, fence } = await leaseOne();
        await world.queue.report({ id, fence, number: 1, started: { traceparent: "" }, entries: [line] });
        await world.queue.complete(id, fence, answer, {});
        world.clock.now++;
      }
      await reap(world, { ...keep, maxEndedBytes: 64_000 });
      assert.deepEqual((await world.store.listIds("alice", undefined, 500)).toReversed(), ids.slice(4));
      await reap(world, { ...keep, maxEnded: 0 });
      assert.equal(await world.redis.client.hexists(queueKeys(0).load, "ended/bytes"), 0);
    });

    it("does not count a task that was put back", async () => {
      const id = await add({ max: 1 });
      const { fence } = await leaseOne();
      await start(id, fence);
      await world.queue.fail(id, fence, failure(), {});
      await world.queue.retry(id, asAgent("alice"), "");
      assert.equal(Number(await world.redis.client.hget(queueKeys(0).load, "ended/bytes")), 0);
    });

    it("forgets the oldest ended tasks above the limit", async () => {
      const ids: string[] = [];
      for (let i = 0; i < 250; i++) {
        ids.push(await add());
        if (i < 240) await world.queue.cancel(ids[i] ?? "", asAgent("alice"), "");
        world.clock.now++;
      }
      await reap(world, { ...keep, maxEnded: 5 });
      const left = await world.store.listIds("alice", undefined, 500);
      assert.deepEqual(left.toReversed(), ids.slice(235));
    });
  });

  describe("a record that cannot be read", () => {
    const addBroken = async (id: string) => world.redis.client.hset(queueKeys(0).tasks, id, "no record");

    it("blocks no other ended task, and is forgotten with them", async () => {
      const ids = [await add(), await add(), await add()];
      for (const id of ids) await world.queue.cancel(id, asAgent("alice"), "");
      await addBroken(ids[0] ?? "");
      await reap(world, { ...keep, maxEnded: 0 });
      assert.equal((await world.store.counts()).ended, 0);
      assert.deepEqual(await world.redis.client.hkeys(queueKeys(0).tasks), []);
    });

    it("is forgotten only when its turn among ended tasks comes", async () => {
      const id = await add();
      await addBroken(id);
      await world.store.remove({ id });
      assert.deepEqual(await world.redis.client.hkeys(queueKeys(0).tasks), [id]);
    });

    it("delays no ended task that is due after it", async () => {
      const start = world.clock.now + 1_000;
      const ids = await Promise.all(Array.from({ length: 250 }, () => add({ start })));
      await addBroken(ids.toSorted()[0] ?? "");
      world.clock.now = start;
      await assert.rejects(reap(world, keep), AggregateError);
      assert.equal((await executor(world, { slots: 300 }).sync()).grants.length, 249);
    });

    it("is skipped by lists, changes by filter and the status", async () => {
      const ids = [await add(), await add(), await add({ conditions: { pin: "ex-9" } })];
      await leaseOne();
      for (const id of [ids[0], ids[2]]) await addBroken(id ?? "");
      const { tasks } = await listTasks(world.store, { filter: ANY_TASK, pageSize: 10, pageToken: "" });
      assert.deepEqual(
        tasks.map(({ id }) => id),
        [ids[1]],
      );
      const about = { filter: ANY_TASK, reason: "", dryRun: false };
      const { changed } = await createBulk(world).cancel(about, new AbortController().signal);
      assert.deepEqual([...changed], [["alice", 1]]);
      const depths = await world.store.depths();
      assert.deepEqual(
        depths.filter(({ waiting, running }) => waiting + running > 0),
        [],
      );
    });
  });

  it("completes the rest of a round of the reaper when one part fails, and reports the failure", async () => {
    const closed = { who: "w", why: "y", opensMs: world.clock.now + 1_000 };
    await world.gates.pause(scopes.agent("alice"), closed);
    const id = await add({ start: closed.opensMs });
    world.clock.now = closed.opensMs;
    const fault = new Error("cannot be read");
    const broken = {
      overdueLeases: async () => Promise.reject(fault),
      recountLeases: async () => Promise.reject(fault),
    };
    await assert.rejects(reap({ ...world, store: { ...world.store, ...broken } }, keep), { errors: [fault, fault] });
    assert.equal(await state(id), "QUEUED");
    assert.equal((await world.store.gates()).size, 0);
  });
}
