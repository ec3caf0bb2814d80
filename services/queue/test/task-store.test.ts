import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { reap } from "../src/domain/due/reaper.js";
import { type Bounds, NO_BOUNDS } from "../src/domain/intake/bounds.js";
import type { NewTask } from "../src/domain/intake/intake-store.js";
import { asAgent } from "../src/domain/task/caller.js";
import { afterCancel, afterCompletion } from "../src/domain/task/decide.js";
import type { PriorityClass } from "../src/domain/task/task.js";
import { queueKeys } from "../src/redis/keys.js";
import { CHUNK_BYTES } from "../src/redis/result-chunks.js";
import { createTaskStore } from "../src/redis/task-store.js";
import { inEveryRedis, keep, reason, tasksOf } from "./task-world.js";
import {
  ENGINES,
  executor,
  failure,
  LEASE_MS,
  logOf,
  newTask,
  startWorld,
  type World,
  type WorldOptions,
} from "./world.js";

function ofLow(tasks: number, bytes: number): Bounds["class"] {
  return { ...NO_BOUNDS.class, low: { tasks, bytes } };
}

inEveryRedis("the queue's promises", promises);

function promises(options: WorldOptions): void {
  let world: World;
  before(async () => void (world = await startWorld(options)));
  after(() => world.close());
  beforeEach(() => world.reset());
  const { add, state, start, leaseOne } = tasksOf(() => world);

  describe("order", () => {
    it("leases urgent, high, normal and low in that order, each oldest first", async () => {
      const ids = new Map<string, PriorityClass>();
      for (const priority of ["low", "urgent", "normal", "high", "urgent", "low", "high", "normal"] as const) {
        ids.set(await add({ class: priority }), priority);
        world.clock.now++;
      }
      const { grants } = await executor(world, { slots: 8 }).sync();
      const order = grants.map(({ task }) => task.id);
      const expected = (["urgent", "high", "normal", "low"] as const).flatMap((priority) =>
        [...ids].filter(([, each]) => each === priority).map(([id]) => id),
      );
      assert.deepEqual(order, expected);
    });

    it("keeps the order of tasks that came in one millisecond", async () => {
      const ids: string[] = [];
      for (let i = 0; i < 20; i++) ids.push(await add());
      const { grants } = await executor(world, { slots: 20 }).sync();
      assert.deepEqual(
        grants.map(({ task }) => task.id),
        ids,
      );
    });

    it("puts a retried task back before younger ones of its class", async () => {
      const first = await add();
      const { fence } = await leaseOne();
      world.clock.now += 10;
      await add();
      await world.queue.fail(first, fence, failure(), {});
      world.clock.now += 2_000;
      await reap(world, keep);
      assert.equal((await leaseOne(executor(world, { id: "ex-2" }))).id, first);
    });

    it("gives an engine's tasks to executors that offer it, and no more than their slots", async () => {
      await add({ engine: "opencode" });
      const ids = [await add(), await add(), await add()];
      const { grants } = await executor(world, { slots: 2 }).sync();
      assert.deepEqual(
        grants.map(({ task }) => task.id),
        ids.slice(0, 2),
      );
    });

    it("gives each task to one executor when many request at the same time", async () => {
      for (let i = 0; i < 40; i++) await add();
      const answers = await Promise.all(
        Array.from({ length: 30 }, (_, i) => executor(world, { id: `ex-${i}`, slots: 2 }).sync()),
      );
      const grants = answers.flatMap((answer) => answer.grants);
      assert.equal(grants.length, 40);
      assert.equal(new Set(grants.map(({ task }) => task.id)).size, 40);
      assert.equal(new Set(grants.map(({ fence }) => fence)).size, 40);
    });

    for (const conditions of [{}, { pin: "ex-1" }]) {
      it(`stops adding ${conditions.pin ? "pinned tasks" : "leases"} to an answer before it outgrows a message`, async () => {
        for (let i = 0; i < 6; i++) await add({ prompts: Buffer.alloc(3 * 1024 * 1024), conditions });
        const ex = executor(world, { slots: 6 });
        assert.equal((await ex.sync()).grants.length, 3);
        assert.equal((await ex.sync()).grants.length, 3);
      });
    }
  });

  describe("admission", () => {
    /** Makes a store over the same Redis, with these bounds. */
    const bounded = (bounds: Partial<Bounds>) =>
      createTaskStore(world.redis.client, {
        retentionMs: 86_400_000,
        shard: 0,
        engines: ENGINES,
        bounds: { ...NO_BOUNDS, ...bounds },
        now: () => world.clock.now,
      });

    it("refuses tasks above the limit, and counts neither leased nor ended tasks", async () => {
      const store = bounded({ all: { tasks: 2, bytes: 0 } });
      const id = await add();
      await leaseOne();
      const enqueue = () => store.enqueue(newTask());
      assert.deepEqual(
        [(await enqueue()).outcome, (await enqueue()).outcome, (await enqueue()).outcome],
        ["added", "added", "full"],
      );
      assert.equal(await state(id), "LEASED");
      assert.equal(await world.redis.client.hlen(queueKeys(0).tasks), 3);
    });

    for (const [what, bounds, other, bound] of [
      ["bytes", { all: { tasks: 0, bytes: 2_000 } }, undefined, { scope: "all", name: "", what: "bytes" }],
      ["tasks of a class", { class: ofLow(1, 0) }, { class: "high" }, { scope: "class", name: "low", what: "tasks" }],
      [
        "bytes of a class",
        { class: ofLow(0, 2_000) },
        { class: "high" },
        { scope: "class", name: "low", what: "bytes" },
      ],
      [
        "tasks of an agent",
        { agent: { tasks: 1, bytes: 0 } },
        { agent: "bob" },
        { scope: "agent", name: "alice", what: "tasks" },
      ],
      [
        "bytes of an agent",
        { agent: { tasks: 0, bytes: 2_000 } },
        { agent: "bob" },
        { scope: "agent", name: "alice", what: "bytes" },
      ],
    ] as const) {
      it(`limits the waiting ${what}, scheduled tasks too, and says which limit was reached`, async () => {
        const store = bounded(bounds);
        const task = (more: Partial<NewTask> = {}) => newTask({ class: "low", prompts: Buffer.alloc(1_000), ...more });
        assert.equal((await store.enqueue(task({ start: world.clock.now + 60_000 }))).outcome, "added");
        assert.deepEqual(await store.enqueue(task()), { outcome: "full", bound });
        if (other) assert.equal((await store.enqueue(task(other))).outcome, "added");
      });
    }

    it("stores a task once when the call is sent again by the Redis client", async () => {
      const task = newTask({ request: { id: "r", hash: "h" } });
      const first = await world.store.enqueue(task);
      world.clock.now += 5;
      assert.deepEqual(await world.store.enqueue(task), first);
      assert.equal(await world.redis.client.xlen(queueKeys(0).events), 1);
    });

    it("stores a task once that is sent twice in the same moment", async () => {
      const task = newTask();
      const outcomes = await Promise.all([world.store.enqueue(task), world.store.enqueue(task)]);
      assert.deepEqual(outcomes[1], outcomes[0]);
      assert.equal(await world.redis.client.hget(queueKeys(0).load, "all/tasks"), "1");
    });

    it("answers a repeated request id with its task even when that has ended and when the queue is full", async () => {
      const request = { id: "r", hash: "h" };
      const id = await add({ request });
      await world.queue.cancel(id, asAgent("alice"), "");
      await add();
      const full = bounded({ all: { tasks: 1, bytes: 0 } });
      assert.deepEqual(await full.enqueue(newTask({ request })), { outcome: "known", id });
      assert.equal((await world.queue.enqueue(newTask({ request }))).task.state, "CANCELLED");
      const ttl = await world.redis.client.pttl(queueKeys(0).request("alice", "r"));
      assert.ok(ttl > 86_000_000 && ttl <= 86_400_000, String(ttl));
    });

    it("does not run a task again whose request id outlived it", async () => {
      const request = { id: "r", hash: "h" };
      const id = await add({ request });
      await world.queue.cancel(id, asAgent("alice"), "");
      await world.store.remove({ id });
      await assert.rejects(world.queue.enqueue(newTask({ request })), reason("TASK_NOT_FOUND"));
    });
  });

  describe("a report", () => {
    it("changes nothing when it is repeated", async () => {
      await add();
      const { id, fence } = await leaseOne();
      const first = { id, fence, number: 1, started: { traceparent: "run" }, entries: [Buffer.from("a")] };
      await world.queue.report(first);
      await world.queue.report({ id, fence, number: 2, entries: [Buffer.from("b")] });
      await world.queue.report(first);
      assert.equal((await logOf(world.store, id)).length, 3);
      assert.equal((await world.store.find(id))?.attempt, 1);
    });

    it("passes the context of its run to the next attempt", async () => {
      await add();
      const { id, fence } = await leaseOne();
      await start(id, fence);
      await world.queue.release(id, fence, "");
      assert.equal((await leaseOne(executor(world, { id: "ex-2" }))).grant.task.previous, "run");
    });
  });

  describe("an end", () => {
    it("is answered the same when it is repeated with the same fence, and written once", async () => {
      await add();
      const { id, fence } = await leaseOne();
      await world.queue.complete(id, fence, Buffer.from("one"), {});
      await world.queue.complete(id, fence, Buffer.from("two"), {});
      assert.equal(String(await world.store.findResult({ id })), "one");
      await assert.rejects(world.queue.fail(id, fence, failure(), {}), reason("LEASE_LOST"));
      const log = await logOf(world.store, id);
      assert.equal(log.length, 1);
    });

    it("is written once when it is requested twice in the same moment, and stays when a cancel comes with it", async () => {
      await add();
      const { id, fence } = await leaseOne();
      await Promise.all([
        ...["one", "two"].map((result) => world.queue.complete(id, fence, Buffer.from(result), {})),
        world.queue.cancel(id, asAgent("alice"), ""),
      ]);
      assert.equal(await state(id), "SUCCEEDED");
      assert.equal(String(await world.store.findResult({ id })), "one");
      assert.equal((await logOf(world.store, id)).length, 1);
    });

    it("is in its own task's log, even if other tasks end in the same moment", async () => {
      const waiting = await Promise.all([add(), add(), add()]);
      const { id, fence } = await leaseOne();
      const others = await Promise.all(waiting.filter((each) => each !== id).map((each) => world.store.find(each)));
      const cancels = others.flatMap((task) => (task ? [{ task, move: afterCancel(task, `of ${task.id}`) }] : []));
      const [first, second] = cancels;
      assert.ok(first?.move && second?.move);
      await Promise.all([
        world.store.move(first.task, first.move),
        world.store.move({ id, engine: first.task.engine }, afterCompletion(fence, {}), Buffer.from("result")),
        world.store.move(second.task, second.move),
      ]);
      assert.equal(String(await world.store.findResult({ id })), "result");
      assert.equal((await world.store.find(id))?.resultBytes, 6);
      const contents = await Promise.all([id, first.task.id, second.task.id].map((each) => logOf(world.store, each)));
      const notes = contents.map((log) => log.map(({ content }) => content.kind === "state" && content.note.reason));
      assert.deepEqual(notes, [[undefined], [`of ${first.task.id}`], [`of ${second.task.id}`]]);
    });

    it("with a large result keeps it in chunks, which are read as one and removed with the task", async () => {
      const result = randomBytes(CHUNK_BYTES * 2 + 1);
      await add();
      const { id, fence } = await leaseOne();
      await world.queue.complete(id, fence, result, {});
      await world.queue.complete(id, fence, randomBytes(CHUNK_BYTES * 3), {});
      const { task, result: read } = await world.queue.get(id, asAgent("alice"));
      assert.deepEqual(Buffer.from(read ?? []), result);
      assert.equal(task.resultBytes, result.byteLength);
      const chunks = (await world.keys()).filter((key) => key.includes(":result:"));
      assert.equal(chunks.length, 2, "the second holder's chunks exist, and no task names them");
      for (const key of chunks) assert.ok((await world.redis.client.pttl(key)) > keep.retentionMs, "and expire");
      assert.equal(await world.redis.client.hlen(queueKeys(0).results), 0);
      await reap(world, { ...keep, maxEnded: 0 });
      assert.equal((await world.keys()).filter((key) => key.includes(":result:")).length, 1);
    });

    it("is recognised as repeated after a failure, even when the task was leased again since", async () => {
      await add();
      const { id, fence } = await leaseOne();
      await world.queue.fail(id, fence, failure(), {});
      world.clock.now += 1_000;
      await reap(world, keep);
      assert.equal(await world.queue.fail(id, fence, failure(), {}), "QUEUED");
      await leaseOne(executor(world, { id: "ex-2" }));
      assert.equal(await world.queue.fail(id, fence, failure(), {}), "PARKED");
      assert.equal(await state(id), "LEASED");
    });

    it("comes after as many failed runs as the task may have, without counting a provider's limit", async () => {
      const id = await add({ max: 2 });
      const outcomes: string[] = [];
      for (const category of ["RATE_LIMIT", "NETWORK_ERROR", "OVERLOADED", "NETWORK_ERROR"] as const) {
        const { fence } = await leaseOne(executor(world, { boot: `b-${outcomes.length}` }));
        await start(id, fence);
        outcomes.push(await world.queue.fail(id, fence, failure(category), {}));
        world.clock.now += 60_000;
        await reap(world, keep);
      }
      assert.deepEqual(outcomes, ["PARKED", "PARKED", "PARKED", "FAILED"]);
      assert.equal((await world.store.find(id))?.attempt, 4);
    });

    it("leaves a parked task parked until its time", async () => {
      const id = await add();
      const { fence } = await leaseOne();
      await world.queue.fail(id, fence, failure("RATE_LIMIT", { retryAfterMs: 3_600_000 }), {});
      world.clock.now += 3_599_999;
      await reap(world, keep);
      assert.equal(await state(id), "PARKED");
      world.clock.now += 1;
      await reap(world, keep);
      assert.equal(await state(id), "QUEUED");
    });
  });

  describe("a cancel", () => {
    const cancel = async (id: string) => (await world.queue.cancel(id, asAgent("alice"), "changed my mind")).task;

    it("ends a queued task at once", async () => {
      const id = await add();
      const task = await cancel(id);
      assert.deepEqual([task.state, task.error?.category], ["CANCELLED", "CANCELLED"]);
      assert.deepEqual((await executor(world).sync()).grants, []);
    });

    it("ends a parked task at once", async () => {
      const id = await add();
      await world.queue.fail(id, (await leaseOne()).fence, failure(), {});
      assert.equal((await cancel(id)).state, "CANCELLED");
      assert.deepEqual(await world.store.counts(), {
        leased: 0,
        waiting: 0,
        parked: 0,
        scheduled: 0,
        ended: 1,
        waitingBytes: 0,
      });
    });

    for (const running of [false, true]) {
      it(`orders the executor of a ${running ? "running" : "leased"} task to stop it, and ends with its report`, async () => {
        const id = await add();
        const { fence, ex } = await leaseOne();
        if (running) await start(id, fence);
        assert.equal((await cancel(id)).state, "CANCELLING");
        assert.equal((await cancel(id)).state, "CANCELLING");
        assert.deepEqual((await ex.sync()).cancelled, [{ id, fence, reason: "changed my mind" }]);
        assert.equal(await world.queue.fail(id, fence, failure("CANCELLED", { retryable: false }), {}), "CANCELLED");
        assert.deepEqual((await ex.sync()).lost, [id]);
      });
    }

    it("does not undo a result that came first, nor one that already existed", async () => {
      const id = await add();
      const { fence } = await leaseOne();
      await cancel(id);
      await world.queue.complete(id, fence, Buffer.from("done"), {});
      assert.equal((await cancel(id)).state, "SUCCEEDED");
    });

    it("is not followed by another attempt, whatever outcome the run has", async () => {
      for (const how of ["fail", "release", "expire", "forget"]) {
        const id = await add();
        const { fence, ex } = await leaseOne(executor(world, { id: `ex-${how}` }));
        await cancel(id);
        if (how === "fail") await world.queue.fail(id, fence, failure("ENGINE_CRASH"), {});
        if (how === "release") await world.queue.release(id, fence, "");
        if (how === "expire") world.clock.now += LEASE_MS + 1;
        if (how === "expire") await reap(world, keep);
        if (how === "forget") ex.held.clear();
        if (how === "forget") await ex.sync();
        assert.equal(await state(id), "CANCELLED", how);
      }
    });
  });
}
