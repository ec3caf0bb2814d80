import assert from "node:assert/strict";
import { EnqueueRequest } from "@ccsp/protos/ccsp/queue/v1/submission.js";
import type { RedisClient } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import { createSubmissions } from "../src/application/submissions.js";
import { createBulk } from "../src/domain/search/bulk.js";
import { ANY_TASK } from "../src/domain/search/filter.js";
import { createShardedStore } from "../src/domain/sharding/sharded-store.js";
import type { TaskStore } from "../src/domain/store.js";
import { asAgent, OPERATOR } from "../src/domain/task/caller.js";
import { afterRetry } from "../src/domain/task/decide.js";
import { queueKeys } from "../src/redis/keys.js";
import { createReplicas } from "../src/redis/replicas.js";
import { replicated } from "../src/redis/replicated.js";
import { createScheduleStore, replicatedSchedules } from "../src/schedules/schedule-store.js";
import { createSchedules } from "../src/schedules/schedules.js";
import { ENGINES, executor, failure, newTask, queueOver, startWorld, type World } from "./world.js";

const unconfirmed = { reason: "DEPENDENCY_UNAVAILABLE" };

/** This Redis has no replica. A store that asks for 0 replicas always has them, and one that asks for 1 never does. */
describe("a store that waits for replicas", () => {
  let world: World;
  let connection: RedisClient;
  before(async () => void (world = await startWorld()));
  after(() => world.close());
  beforeEach(async () => {
    await world.reset();
    connection = await world.redis.duplicate();
  });

  afterEach(() => world.redis.release(connection));

  const waiting = (store: TaskStore, replicas = 1) => replicated(store, createReplicas(connection, replicas));
  const over = (store: TaskStore) => ({ store, ...queueOver({ ...world, store }) });
  const start = async () => {
    await world.store.enqueue(newTask());
    const [grant] = (await executor(world).sync()).grants;
    assert.ok(grant);
    return grant;
  };
  const succeed = async () => {
    const { task, fence } = await start();
    await world.queue.complete(task.id, fence, Buffer.from("r"), {});
    return task.id;
  };

  it("recognises a recent end by Redis' clock, however far the queue's own is ahead or behind", async () => {
    for (const aheadMs of [3_600_000, -3_600_000]) {
      world.clock.now = Date.now() - aheadMs;
      const id = await succeed();
      world.clock.now += 59_000;
      await assert.rejects(waiting(world.store).findConfirmed(id), unconfirmed, `${aheadMs}`);
      world.clock.now += 2_000;
      assert.equal((await waiting(world.store).findConfirmed(id))?.state, "SUCCEEDED", `${aheadMs}`);
    }
  }).timeout(20_000);

  it("makes no further request once all callers have given up, however many came one after the other", async () => {
    let stored = 0;
    const store = waiting({
      ...world.store,
      async enqueue(task) {
        const answer = await world.store.enqueue(task);
        stored += 1;
        return answer;
      },
    });
    const refused: Promise<void>[] = [];
    for (let i = 1; i <= 20; i++) {
      refused.push(assert.rejects(store.enqueue(newTask()), unconfirmed));
      await eventually(() => assert.equal(stored, i));
    }
    await Promise.all(refused);
    // Answers come in the order of requests. One request may have been under way.
    const waits = async () =>
      Number(/cmdstat_wait:calls=(\d+)/.exec(await world.redis.client.info("commandstats"))?.[1]);
    const before = await waits();
    for (let i = 0; i < 5; i++) await connection.ping();
    assert.ok((await waits()) <= before + 1, "more writes wait for replicas");
  }).timeout(40_000);

  it("answers a repeated request whose task was forgotten as `local` does", async () => {
    const { queue } = over(waiting(world.store, 0));
    const task = newTask({ request: { id: "r", hash: "h" } });
    const { id } = (await queue.enqueue(task)).task;
    const again = { ...task, id: newTask().id };
    assert.equal((await queue.enqueue(again)).task.id, id);
    await queue.cancel(id, asAgent("alice"), "");
    const ended = await world.store.find(id);
    assert.ok(ended);
    await world.store.remove(ended);
    await assert.rejects(queue.enqueue(again), { reason: "TASK_NOT_FOUND" });
    await world.redis.client.del(queueKeys(0).request("alice", "r"));
    const old: TaskStore = { ...world.store, enqueue: async () => ({ outcome: "known", id }) };
    await assert.rejects(over(waiting(old, 0)).queue.enqueue(again), unconfirmed, "no store knows it");
  });

  it("counts a Fail whose task was leased and settled again during the wait", async () => {
    const { task, fence } = await start();
    const settledSince: TaskStore = {
      ...world.store,
      async move(...move) {
        const outcome = await world.store.move(...move);
        const [grant] = (await executor(world, { id: "ex-2" }).sync()).grants;
        await world.queue.complete(task.id, grant?.fence ?? 0, Buffer.from("r"), {});
        return outcome;
      },
    };
    const store = waiting(settledSince, 0);
    assert.equal(await store.move(task, { to: "QUEUED", fence, settle: "fail", set: {} }), "ok");
    assert.equal((await world.store.find(task.id))?.state, "SUCCEEDED");
  });

  it("reads a task again that was put back or forgotten while its end waited", async () => {
    const { task, fence } = await start();
    await world.queue.fail(task.id, fence, failure("INVALID_REQUEST", { retryable: false }), {});
    const failed = await world.store.find(task.id);
    const page = await world.store.readLog(task.id, 0, 10);
    assert.ok(failed && page);
    /** A store that reads the task before it changes. */
    const readEarly = () => {
      let first = true;
      const early = <T>(then: T, now: Promise<T>) => {
        const answer = first ? then : now;
        first = false;
        return answer;
      };
      return {
        ...world.store,
        find: async (id: string) => early(failed, world.store.find(id)),
        readLog: async (...where: Parameters<TaskStore["readLog"]>) => early(page, world.store.readLog(...where)),
      };
    };
    await world.queue.retry(task.id, asAgent("alice"), "");
    assert.equal((await waiting(readEarly(), 0).findConfirmed(task.id))?.state, "QUEUED");
    const read = await waiting(readEarly(), 0).readLog(task.id, 0, 10);
    assert.equal(read?.task.state, "QUEUED");
    await world.queue.cancel(task.id, asAgent("alice"), "");
    await world.store.remove(failed);
    assert.equal(await waiting(readEarly(), 0).findConfirmed(task.id), undefined);
  });

  it("shows no end that a failover could take back, to any kind of request", async () => {
    const id = await succeed();
    const { queue } = over(waiting(world.store));
    await assert.rejects(queue.retry(id, OPERATOR, ""), unconfirmed, "and not as succeeded");
    await assert.rejects(queue.findFor(id, OPERATOR), unconfirmed, "as ExplainTask reads it");
    await assert.rejects(queue.get(id, asAgent("alice")), unconfirmed);
    await assert.rejects(over(waiting(world.store, 0)).queue.retry(id, OPERATOR, ""), {
      reason: "TASK_NOT_FAILED",
    });
  }).timeout(20_000);

  describe("for a task that is put back", () => {
    const signal = new AbortController().signal;
    /** Makes a task that failed long ago. So no call waits until replicas have the end itself. */
    const failLongAgo = async () => {
      world.clock.now -= 120_000;
      const { task, fence } = await start();
      await world.queue.fail(task.id, fence, failure("INVALID_REQUEST", { retryable: false }), {});
      world.clock.now += 120_000;
      return task.id;
    };

    it("does not confirm it before the replicas have it, nor on a repeated request", async () => {
      const id = await failLongAgo();
      const { queue } = over(waiting(world.store));
      await assert.rejects(queue.retry(id, asAgent("alice"), ""), unconfirmed);
      assert.equal((await world.store.find(id))?.state, "QUEUED", "it was put back in spite of the error");
      await assert.rejects(queue.retry(id, asAgent("alice"), ""), unconfirmed, "again");
      assert.equal((await over(waiting(world.store, 0)).queue.retry(id, asAgent("alice"), "")).task.state, "QUEUED");
    }).timeout(20_000);

    it("does not count it before the replicas have it", async () => {
      const filter = { ...ANY_TASK, states: ["FAILED" as const] };
      const change = { filter, reason: "", dryRun: false };
      await failLongAgo();
      const none = waiting(world.store);
      await assert.rejects(createBulk(over(none)).retry(change, signal), unconfirmed);
      await failLongAgo();
      const all = waiting(world.store, 0);
      const { changed } = await createBulk(over(all)).retry(change, signal);
      assert.deepEqual([...changed], [["alice", 1]]);
    }).timeout(20_000);

    it("confirms it when the task has failed again since, but not when a failover took it back", async () => {
      const id = await failLongAgo();
      const failed = (await world.redis.client.hget(queueKeys(0).tasks, id)) ?? "";
      const before = await world.store.find(id);
      const move = afterRetry(before ?? assert.fail(), "");
      assert.ok(before && move);
      const failsAgain: TaskStore = {
        ...world.store,
        async move(...args) {
          const outcome = await world.store.move(...args);
          const [grant] = (await executor(world, { id: "ex-2" }).sync()).grants;
          await world.queue.fail(id, grant?.fence ?? 0, failure("INVALID_REQUEST", { retryable: false }), {});
          return outcome;
        },
      };
      assert.equal(await waiting(failsAgain, 0).move(before, move), "ok");
      const forgets: TaskStore = {
        ...world.store,
        async move() {
          await world.redis.client.hset(queueKeys(0).tasks, id, failed);
          return "ok";
        },
      };
      await assert.rejects(waiting(forgets, 0).move(before, move), unconfirmed);
    });
  });

  describe("for a schedule", () => {
    const daily = { agent: "alice", name: "daily", timeZone: "UTC", spec: "", missed: "skip", paused: false } as const;
    const local = () => createScheduleStore(world.redis.client, () => world.clock.now);
    const put = async (replicas: number, stored = local(), cron = "0 9 * * *") => {
      await createSchedules(replicatedSchedules(stored, createReplicas(connection, replicas))).put({ ...daily, cron });
    };

    it("does not confirm that it is stored before the replicas have it, nor on a repeated request", async () => {
      await assert.rejects(put(1), unconfirmed);
      await assert.rejects(put(1), unconfirmed, "again");
      await put(0);
      await put(0);
    }).timeout(20_000);

    it("does not confirm it when a failover took it back", async () => {
      await put(0);
      const forgetful = { ...local(), swap: async () => "ok" as const };
      await assert.rejects(put(0, forgetful, "0 10 * * *"), unconfirmed);
    });

    it("confirms it when a run was recorded in it meanwhile that no caller waits for", async () => {
      const [name, store] = [{ agent: "alice", name: "daily" }, local()];
      const busy = {
        ...store,
        async swap(change: Parameters<typeof store.swap>[0]) {
          const outcome = await store.swap(change);
          const before = await store.find(name);
          assert.ok(before);
          const after = { ...before, lastRun: world.clock.now, fault: "QUEUE_FULL" };
          const run = { which: name, before, after, checkMs: undefined, bounded: false };
          assert.equal(await replicatedSchedules(store, createReplicas(connection)).swap(run), "ok");
          return outcome;
        },
      };
      await put(0, busy);
      assert.equal((await store.find(name))?.fault, "QUEUE_FULL");
    });
  });

  it("fails only for a broken record, not for other records in the same request", async () => {
    const [id, broken] = [await succeed(), await succeed()];
    const ended = await world.store.find(id);
    assert.ok(ended);
    const readLog = async (each: string) => ({
      task: { ...ended, id: each },
      entries: [],
      more: false,
      result: undefined,
    });
    const store = waiting({ ...world.store, readLog }, 0);
    await world.redis.client.hset(queueKeys(0).tasks, broken, "{");
    const found = await Promise.allSettled([store.readLog(broken, 0, 10), store.readLog(id, 0, 10)]);
    assert.deepEqual(
      found.map(({ status }) => status),
      ["rejected", "fulfilled"],
    );
  });
});

describe("a batch", () => {
  it("is answered for each task or with an error, never for another task", async () => {
    const silent = { enqueueAll: async () => [] };
    const world = await startWorld();
    try {
      const shard = { ...world.store, ...silent };
      await assert.rejects(createShardedStore([shard, shard]).enqueueAll([newTask()]), /did not answer for each task/);
      const submissions = createSubmissions({
        queue: { ...world.queue, ...silent },
        limits: { maxPromptBytes: 100, engines: ENGINES },
        newId: () => newTask().id,
      });
      const spec = { prompt: "p", engine: "claude-code" };
      await assert.rejects(
        submissions.enqueueAll([EnqueueRequest.fromPartial({ agentId: "alice", spec })]),
        /did not answer for each task/,
      );
    } finally {
      await world.close();
    }
  });
});
