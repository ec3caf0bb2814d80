import assert from "node:assert/strict";
import { readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { eventually } from "@ccsp/testkit";
import { reap } from "../src/domain/due/reaper.js";
import type { NewTask } from "../src/domain/intake/intake-store.js";
import { asAgent } from "../src/domain/task/caller.js";
import { queueKeys } from "../src/redis/keys.js";
import { checkInvariants } from "./invariants.js";
import { executor, failure, LEASE_MS, newTask, startWorld, type World } from "./world.js";

/** One agent for each of four shards. */
const AGENTS = ["bob", "erin", "carol", "alice"] as const;
const KEEP = { retentionMs: 1e9, maxEnded: 1_000, maxEndedBytes: 1e12 };

for (const shards of [1, 4]) {
  describe(`a Redis of ${shards} shards that lost its last writes`, () => {
    let server: RedisServer;
    let world: World;
    before(async () => {
      server = await startRedis({ appendOnly: true, args: ["--appendfsync", "no"] });
      world = await startWorld({ server, shards });
    });
    after(async () => {
      await world?.close();
      await server?.stop();
    });
    beforeEach(() => world.reset());
    afterEach(() => checkInvariants(world));

    /** Remembers the append-only file as it is now, which has everything that was answered. */
    const rememberMoment = async () => {
      const folder = join(server.dir, "appendonlydir");
      const file = join(folder, (await readdir(folder)).find((name) => name.endsWith(".incr.aof")) ?? "");
      const { size } = await stat(file);
      return async () => {
        await server.kill9();
        await truncate(file, size);
        await server.restart();
        world.clock.now += 1;
        await eventually(() => world.redis.ping());
      };
    };
    const add = async (task: Partial<NewTask> = {}) => (await world.queue.enqueue(newTask(task, shards))).task.id;
    const find = async (id: string) => (await world.store.find(id)) ?? assert.fail(`${id} is gone`);
    const report = (id: string, fence: number | bigint, number: number) =>
      world.queue.report({
        id,
        fence: Number(fence),
        number,
        entries: [Buffer.from(`text ${number}`)],
        ...(number === 1 && { started: { traceparent: "run" } }),
      });
    const complete = (id: string, fence: number | bigint) =>
      world.queue.complete(id, Number(fence), Buffer.from(String(fence)), {});
    const leaseOne = async (ex: ReturnType<typeof executor>) => {
      const [grant] = (await ex.sync()).grants;
      assert.ok(grant, "there is a lease");
      return { id: grant.task.id, fence: grant.fence };
    };

    it("keeps every run that executors hold, starts none of them again, and completes each once", async () => {
      const [one, two, idle] = ["one", "two", "idle"].map((id) => executor(world, { id, slots: 4 }));
      assert.ok(one && two && idle);
      for (const ex of [one, two, idle]) await ex.sync();
      const ids: string[] = [];
      for (let i = 0; i < 12; i++) ids.push(await add({ agent: AGENTS[i % 4] ?? "", labels: ["k=v"] }));
      const lose = await rememberMoment();
      for (const ex of [one, two]) await ex.sync();
      const held = [...one.held, ...two.held];
      assert.equal(held.length, 8);
      for (const [id, fence] of held) await report(id, fence, 1);
      await lose();

      assert.deepEqual(
        (await idle.sync()).grants,
        [],
        "nothing is granted before all executors have reported what they hold",
      );
      const [id = "", fence = 0n] = held[0] ?? [];
      await assert.rejects(report(id, fence, 2), { reason: "DEPENDENCY_UNAVAILABLE" });
      await assert.rejects(complete(id, fence), { reason: "DEPENDENCY_UNAVAILABLE" });
      for (const ex of [one, two]) {
        const answer = await ex.sync();
        assert.deepEqual([answer.lost, answer.grants], [[], []]);
      }
      const others = (await idle.sync()).grants.map(({ task }) => task.id);
      assert.deepEqual(
        others.toSorted(),
        ids.filter((each) => !held.some(([mine]) => mine === each)).toSorted(),
        "only tasks that no executor held",
      );
      await checkInvariants(world);
      for (const [id, fence] of [...held, ...idle.held]) {
        await report(id, fence, 2);
        assert.equal((await find(id)).state, "RUNNING", "even though its first report was lost");
        await complete(id, fence);
        assert.equal(String(await world.store.findResult({ id })), String(fence));
        const { state, attempt, deliveries } = await find(id);
        assert.deepEqual([state, attempt, deliveries], ["SUCCEEDED", 1, undefined]);
      }
    });

    it("grants nothing to a claim that comes before any Sync", async () => {
      const idle = executor(world, { id: "idle" });
      await idle.sync();
      const lose = await rememberMoment();
      await lose();
      await add();
      const offer = { engine: "claude-code", account: "", count: 1, leaseMs: LEASE_MS, maxBytes: 1e6 };
      const claim = { executor: "idle", boot: "boot-1", sequence: 1n, ...offer, order: world.order, early: false };
      assert.deepEqual(await world.store.claim(claim), { grants: [], left: 0, pins: false });
      assert.equal((await idle.sync()).grants.length, 1, "Redis knows no other executor, and this one holds nothing");
    });

    it("grants again after half a lease, even if a known executor does not call", async () => {
      const [gone, idle] = [executor(world, { id: "gone", slots: 0 }), executor(world, { id: "idle" })];
      for (const ex of [gone, idle]) await ex.sync();
      const lose = await rememberMoment();
      await lose();
      await add();
      assert.deepEqual((await idle.sync()).grants, []);
      world.clock.now += LEASE_MS / 2;
      assert.equal((await idle.sync()).grants.length, 1);
      assert.equal((await executor(world, { id: "other" }).sync()).grants.length, 0);
    });

    for (const first of ["the newer", "the older"] as const) {
      it(`accepts the newest of two holders, when ${first} calls first`, async () => {
        const id = await add({ retry: { baseMs: 1, maxMs: 1 } });
        const [older, newer] = [executor(world, { id: "older" }), executor(world, { id: "newer" })];
        const was = await leaseOne(older);
        await report(id, was.fence, 1);
        const lose = await rememberMoment();
        await world.queue.fail(id, was.fence, failure(), {});
        older.held.clear();
        world.clock.now += 10;
        await reap(world, KEEP);
        const is = await leaseOne(newer);
        await lose();

        for (const ex of first === "the newer" ? [newer, older] : [older, newer]) {
          assert.deepEqual((await ex.sync({ freeSlots: 0 })).lost, []);
          await checkInvariants(world);
        }
        await assert.rejects(complete(id, was.fence), { reason: "LEASE_LOST" });
        await complete(id, is.fence);
        assert.equal((await find(id)).executor, "newer");
      });
    }

    it("reports a lost lease to its earlier holder, once the newer holder has called", async () => {
      const id = await add();
      const [cut, newer] = [executor(world, { id: "cut" }), executor(world, { id: "newer" })];
      const lose = await rememberMoment();
      await leaseOne(cut);
      world.clock.now += LEASE_MS + 1;
      await reap(world, KEEP);
      const is = await leaseOne(newer);
      await lose();
      assert.deepEqual((await cut.sync()).lost, [], "no other executor reported that it holds the task");
      assert.deepEqual((await newer.sync()).lost, []);
      assert.deepEqual((await cut.sync({ freeSlots: 0 })).lost, [id]);
      await complete(id, is.fence);
    });

    it("takes back runs of tasks that were parked, blocked, pinned or scheduled at that moment", async () => {
      const soon = { retry: { baseMs: 1_000, maxMs: 1_000 } };
      const parked = await add(soon);
      const ex = executor(world, { slots: 4 });
      const { fence } = await leaseOne(ex);
      await report(parked, fence, 1);
      await world.queue.fail(parked, fence, failure(), {});
      ex.held.clear();
      const pinned = await add({ agent: "bob", conditions: { pin: "ex-1", deadline: world.clock.now + 60_000 } });
      const scheduled = await add({ agent: "carol", start: world.clock.now + 1_000 });
      const lose = await rememberMoment();
      world.clock.now += 2_000;
      await reap(world, KEEP);
      await ex.sync();
      assert.deepEqual([...ex.held.keys()].toSorted(), [parked, pinned, scheduled].toSorted());
      await lose();
      assert.deepEqual((await ex.sync()).lost, []);
      await checkInvariants(world);
      for (const [id, fence] of ex.held) await complete(id, fence);
    });

    it("stops a run whose task is gone, or was cancelled since", async () => {
      const cancelled = await add();
      const ex = executor(world, { slots: 2 });
      const lose = await rememberMoment();
      const unknown = await add();
      await ex.sync();
      assert.equal(ex.held.size, 2);
      const fence = Number(ex.held.get(cancelled));
      await lose();
      await world.queue.cancel(cancelled, asAgent("alice"), "enough");
      await assert.rejects(complete(unknown, fence), { reason: "LEASE_LOST" });
      assert.deepEqual((await ex.sync()).lost.toSorted(), [cancelled, unknown].toSorted());
    });

    it("cancels the run of the newest holder, when the task was cancelled while an older one was recorded", async () => {
      const id = await add();
      const [older, newer] = [executor(world, { id: "older" }), executor(world, { id: "newer" })];
      const was = await leaseOne(older);
      await report(id, was.fence, 1);
      const lose = await rememberMoment();
      await world.queue.release(id, was.fence, "");
      older.held.clear();
      const is = await leaseOne(newer);
      await lose();
      await world.queue.cancel(id, asAgent("alice"), "enough");
      await newer.sync();
      const { cancelled, lost } = await newer.sync();
      assert.deepEqual([cancelled.map((each) => each.fence), lost], [[is.fence], []]);
      assert.equal(await world.queue.fail(id, is.fence, failure("CANCELLED", { retryable: false }), {}), "CANCELLED");
    });

    it("gives holders a whole lease to renew after a restart, or after a time without a reachable queue", async () => {
      const id = await add();
      const { fence } = await leaseOne(executor(world));
      const round = async () => {
        await world.store.noticeOutage(LEASE_MS);
        await reap(world, KEEP);
      };
      await round();
      const outages = {
        restart: async () => (await rememberMoment())(),
        pause: async () => {
          for (let shard = 0; shard < shards; shard++)
            await world.redis.client.hincrby(queueKeys(shard).meta, "reaped", -LEASE_MS);
        },
      };
      for (const outage of Object.values(outages)) {
        await outage();
        world.clock.now += LEASE_MS + 1;
        await round();
        assert.deepEqual([(await find(id)).state, (await find(id)).fence], ["LEASED", fence]);
        world.clock.now += LEASE_MS - 1;
        await round();
        assert.equal((await find(id)).state, "LEASED");
      }
      world.clock.now += 1;
      await round();
      assert.equal((await find(id)).state, "QUEUED", "and no longer than that");
    });
  });
}
