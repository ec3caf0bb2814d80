import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { eventually, startRedisCluster } from "@ccsp/testkit";
import { Cluster } from "ioredis";
import { Registry } from "prom-client";
import { createConversationStore } from "../src/conversations/conversation-store.js";
import { reap } from "../src/domain/due/reaper.js";
import { createEmergencyStop } from "../src/domain/emergency/emergency-stop.js";
import { createBulk } from "../src/domain/search/bulk.js";
import { asAgent } from "../src/domain/task/caller.js";
import { watchMemory } from "../src/memory-watch.js";
import { createMemoryReads } from "../src/redis/memory.js";
import { createReplicas } from "../src/redis/replicas.js";
import { replicated } from "../src/redis/replicated.js";
import { createScheduleStore } from "../src/schedules/schedule-store.js";
import { createSchedules } from "../src/schedules/schedules.js";
import { scopes } from "./scopes.js";
import { executor, failure, log, newTask, startWorld, type World, type WorldOptions } from "./world.js";

const ADA = { who: "ada", why: "no room" };
const RETENTION = { retentionMs: 1e12, maxEnded: 0, maxEndedBytes: 1e12 };

const isFull = (error: unknown): true => {
  assert.ok(error instanceof Refusal, String(error));
  assert.equal(error.reason, "QUEUE_FULL");
  assert.match(error.message, /memory of Redis is full \(maxmemory\)/);
  assert.ok(error.retryAfterMs !== undefined && error.quota.length === 1);
  return true;
};

const SETUPS: readonly { kind: string; start: () => Promise<WorldOptions> }[] = [
  { kind: "by itself", start: async () => ({ twice: true }) },
  {
    kind: "that is a Cluster of six nodes",
    start: async () => ({ server: await startRedisCluster(), shards: 4 }),
  },
];

for (const { kind, start } of SETUPS) {
  describe(`a Redis ${kind} whose memory is full`, () => {
    let options: WorldOptions;
    let world: World;
    before(async () => {
      options = await start();
      world = await startWorld(options);
    });
    after(async () => {
      await world?.close();
      await options?.server?.stop();
    });
    afterEach(async () => {
      await limitMemory(0);
      await world.reset();
    });

    const limitMemory = async (bytes: number) => {
      const { client } = world.redis;
      const nodes = client instanceof Cluster ? client.nodes() : [client];
      await Promise.all(nodes.map((node) => node.config("SET", "maxmemory", bytes)));
    };
    const enqueue = async (more: Parameters<typeof newTask>[0] = {}) =>
      (await world.queue.enqueue(newTask(more, world.shards))).task;

    it("refuses new tasks, and accepts repeats of earlier requests", async () => {
      const request = { id: "r", hash: "h" };
      const { id } = await enqueue({ request });
      await limitMemory(1);
      await assert.rejects(enqueue(), isFull);
      const all = [
        newTask({ request }, world.shards),
        newTask({ request: { ...request, hash: "other" } }, world.shards),
      ];
      const [known, conflict, refused] = await world.queue.enqueueAll([...all, newTask({}, world.shards)]);
      assert.equal(known?.status === "fulfilled" && known.value.task.id, id);
      assert.ok(conflict?.status === "rejected" && conflict.reason.reason === "REQUEST_ID_CONFLICT");
      assert.ok(refused?.status === "rejected" && isFull(refused.reason));
      await limitMemory(0);
      await enqueue();
    });

    it("refuses new tasks before Redis is at its limit, so accepted tasks can end", async () => {
      const reads = createMemoryReads(world.redis.client, world.shards);
      const registry = new Registry();
      const watch = watchMemory({ reads, registry, log, everyMs: 1 });
      const { server, shards } = world;
      const roomy = await startWorld({ server, shards, room: watch });
      try {
        const enqueueInto = async () => roomy.queue.enqueue(newTask({}, shards));
        await enqueueInto();
        const used = Math.max(...(await Promise.all(reads.map((read) => read()))).map(({ usedBytes }) => usedBytes));
        await limitMemory(Math.ceil(used * 1.05));
        await eventually(() => assert.rejects(enqueueInto(), isFull));
        assert.match(await registry.metrics(), /ccsp_queue_memory_used_ratio 0\.9/);
        const schedules = createSchedules(createScheduleStore(world.redis.client), watch);
        const asked = { agent: "alice", name: "n", cron: "0 9 * * *", timeZone: "UTC", spec: "", paused: false };
        const put = async () => schedules.put({ ...asked, missed: "skip" });
        if (watch.isFull(0)) await assert.rejects(put(), isFull);
        await limitMemory(used * 2);
        await eventually(enqueueInto);
        await put();
      } finally {
        await watch.close();
        await roomy.close();
      }
    });

    it("serves tasks that executors hold: they start, report, end, and are forgotten", async () => {
      const worker = executor(world, { slots: 20 });
      const tasks = await Promise.all(Array.from({ length: 8 }, async () => enqueue({ labels: ["k=v"] })));
      await limitMemory(1);
      const grants = [];
      while (grants.length < tasks.length) grants.push(...(await worker.sync()).grants);
      const [first, second, third, fourth, fifth] = grants;
      assert.ok(first && second && third && fourth && fifth);
      const { queue, store } = world;
      const text = { entries: [Buffer.from("text")], started: { traceparent: "" } };
      await queue.report({ id: first.task.id, fence: first.fence, number: 1, ...text });
      await queue.complete(first.task.id, first.fence, Buffer.from("result"), { tokens: 5 });
      const large = Buffer.alloc(1024 * 1024, "x");
      await queue.complete(second.task.id, second.fence, large, {});
      assert.equal(await queue.fail(third.task.id, third.fence, failure("OVERLOADED"), {}), "PARKED");
      await queue.release(fourth.task.id, fourth.fence, "draining");
      await queue.cancel(fifth.task.id, asAgent("alice"), "enough");
      worker.held.clear();
      await worker.sync();
      const ended = await store.find(second.task.id);
      assert.ok(ended && large.equals((await store.findResult(ended)) ?? Buffer.alloc(0)));

      const conversations = createConversationStore(world.redis.client, { keptMs: 60_000, shardBytes: 1_000 });
      const turn = { task: first.task.id, fence: first.fence, engineId: "e-1", executor: "ex-1" };
      await conversations.announce(first.task.id, first.task, turn);
      await conversations.advance(first.task.id, first.task, turn);
      world.clock.now += 3_600_000;
      await store.noticeOutage(30_000);
      await reap(world, RETENTION);
      assert.equal(await store.find(first.task.id), undefined, "it was forgotten");
    });

    it("serves operators: pause, resume, stop, cancel, clear, and delete a schedule", async () => {
      const { gates, store, queue, wakes } = world;
      const signal = new AbortController().signal;
      const schedules = createScheduleStore(world.redis.client, () => world.clock.now);
      const which = { agent: "alice", name: "nightly" };
      const about = { ...which, cron: "0 0 * * *", timeZone: "UTC", spec: "", missed: "skip" as const, paused: false };
      const after = { ...about, created: world.clock.now, next: [world.clock.now + 1_000] };
      await schedules.swap({ which, before: undefined, after, checkMs: world.clock.now + 1_000, bounded: true });
      const low = await enqueue({ class: "low" });
      world.clock.now += 1;
      const { id } = await enqueue();
      await limitMemory(1);
      await gates.pause(scopes.all, ADA);
      await gates.pause(scopes.agent("alice"), ADA);
      await gates.resume(scopes.all, ADA);
      await queue.setPriority(id, asAgent("alice"), "high");
      await queue.cancel(id, asAgent("alice"), "");
      const bulk = createBulk(world);
      const { token } = await bulk.prepareClear({ class: "low" }, signal);
      await bulk.clear({ class: "low" }, { token, reason: "" }, signal);
      assert.equal((await store.find(low.id))?.state, "CANCELLED");
      const stop = createEmergencyStop({ store, queue, wakes }, { receiptsWithinMs: 1 });
      const { stop: raised } = await stop.stop({ level: "kill", ...ADA }, signal);
      await store.keepReceipt("ex-1", { id: raised.id, ended: [], remaining: 0 });
      assert.equal((await store.receipts(raised.id)).size, 1);
      await gates.resume(scopes.emergency, ADA);
      await schedules.postpone(which, world.clock.now + 5_000);
      const stored = await schedules.find(which);
      assert.equal(
        await schedules.swap({ which, before: stored, after: undefined, checkMs: undefined, bounded: true }),
        "ok",
      );
    });

    it("confirms ends with `replicated` too", async () => {
      const connection = await world.redis.duplicate();
      const store = replicated(world.store, createReplicas(connection, 0));
      await enqueue();
      const [grant] = (await executor(world).sync()).grants;
      assert.ok(grant);
      await limitMemory(1);
      const end = { to: "SUCCEEDED", fence: grant.fence, settle: "complete", set: {} } as const;
      assert.match(await store.move(grant.task, end, Buffer.from("r")), /ok|done/);
      world.redis.release(connection);
    });
  });
}
