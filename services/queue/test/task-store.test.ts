import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Refusal } from "@ccsp/errors";
import { type Bounds, NO_BOUNDS } from "../src/domain/bounds.js";
import { createBulk } from "../src/domain/bulk.js";
import { afterParking, DELIVERY_BUDGET } from "../src/domain/decide.js";
import { ANY_TASK } from "../src/domain/filter.js";
import { scopes } from "../src/domain/gates.js";
import { reap } from "../src/domain/reaper.js";
import { listTasks } from "../src/domain/scan.js";
import type { NewTask } from "../src/domain/store.js";
import type { PriorityClass } from "../src/domain/task.js";
import { CHUNK_BYTES } from "../src/redis/result-chunks.js";
import { createTaskStore } from "../src/redis/task-store.js";
import {
  ENGINES,
  executor,
  failure,
  LEASE_MS,
  logOf,
  newTask,
  ORDER,
  startWorld,
  type World,
  type WorldOptions,
} from "./world.js";

const reason =
  (expected: string) =>
  (error: unknown): boolean =>
    error instanceof Refusal && error.reason === expected;

const KINDS: readonly (WorldOptions & { readonly kind: string })[] = [
  { kind: "a single Redis" },
  { kind: "a Cluster", cluster: true },
  { kind: "a Redis whose client sends every script twice", twice: true },
];

for (const { kind, ...options } of KINDS) {
  describe(`the queue's promises, in ${kind}`, () => promises(options));
}

function ofLow(tasks: number, bytes: number): Bounds["class"] {
  return { ...NO_BOUNDS.class, low: { tasks, bytes } };
}

function promises(options: WorldOptions): void {
  let world: World;
  before(async () => void (world = await startWorld(options)));
  after(() => world.close());
  beforeEach(() => world.reset());

  const add = async (task: Parameters<typeof newTask>[0] = {}): Promise<string> =>
    (await world.queue.enqueue(newTask(task))).task.id;
  const state = async (id: string) => (await world.store.find(id))?.state;
  const start = (id: string, fence: number) =>
    world.queue.report({ id, fence, number: 1, started: { traceparent: "run" }, entries: [] });
  const keep = { retentionMs: 86_400_000, maxEnded: 1_000, maxEndedBytes: 1e12 };
  const leaseOne = async (ex = executor(world)) => {
    const [grant] = (await ex.sync()).grants;
    assert.ok(grant, "there is a lease");
    return { id: grant.task.id, fence: grant.fence, ex, grant };
  };

  describe("order", () => {
    it("gives out urgent, high, normal and low in that order, each oldest first", async () => {
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
      await reap(world.store, world.queue, keep);
      assert.equal((await leaseOne(executor(world, { id: "ex-2" }))).id, first);
    });

    it("gives an engine's tasks to those who offer it, and no more than their slots", async () => {
      await add({ engine: "opencode" });
      const ids = [await add(), await add(), await add()];
      const { grants } = await executor(world, { slots: 2 }).sync();
      assert.deepEqual(
        grants.map(({ task }) => task.id),
        ids.slice(0, 2),
      );
    });

    it("gives each task to one executor when many ask at once", async () => {
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

  describe("the door", () => {
    /** The same Redis behind a door with these bounds. */
    const bounded = (bounds: Partial<Bounds>) =>
      createTaskStore(world.redis.client, {
        retentionMs: 86_400_000,
        ...{ shard: 0, engines: ENGINES, bounds: { ...NO_BOUNDS, ...bounds } },
        now: () => world.clock.now,
      });

    it("refuses what is above the bound, and counts neither leased nor ended tasks", async () => {
      const store = bounded({ all: { tasks: 2, bytes: 0 } });
      const id = await add();
      await leaseOne();
      const enqueue = () => store.enqueue(newTask());
      assert.deepEqual(
        [(await enqueue()).outcome, (await enqueue()).outcome, (await enqueue()).outcome],
        ["added", "added", "full"],
      );
      assert.equal(await state(id), "LEASED");
      assert.equal(await world.redis.client.hlen("ccsp:queue:{0}:tasks"), 3);
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
      it(`bounds the ${what} that wait, scheduled ones too, and says which bound was hit`, async () => {
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
      assert.equal(await world.redis.client.xlen("ccsp:events:{0}"), 1);
    });

    it("stores a task once that comes twice in the same moment", async () => {
      const task = newTask();
      const outcomes = await Promise.all([world.store.enqueue(task), world.store.enqueue(task)]);
      assert.deepEqual(outcomes[1], outcomes[0]);
      assert.equal(await world.redis.client.hget("ccsp:queue:{0}:load", "all/tasks"), "1");
    });

    it("answers a repeated request id with its task also when that has ended, also when the queue is full", async () => {
      const request = { id: "r", hash: "h" };
      const id = await add({ request });
      await world.queue.cancel(id, "alice", "");
      await add();
      const full = bounded({ all: { tasks: 1, bytes: 0 } });
      assert.deepEqual(await full.enqueue(newTask({ request })), { outcome: "known", id });
      assert.equal((await world.queue.enqueue(newTask({ request }))).task.state, "CANCELLED");
      const ttl = await world.redis.client.pttl("ccsp:queue:{0}:request:alice:r");
      assert.ok(ttl > 86_000_000 && ttl <= 86_400_000, String(ttl));
    });

    it("does not run a task again whose request id outlived it", async () => {
      const request = { id: "r", hash: "h" };
      const id = await add({ request });
      await world.queue.cancel(id, "alice", "");
      await world.store.remove({ id });
      await assert.rejects(world.queue.enqueue(newTask({ request })), reason("TASK_NOT_FOUND"));
    });
  });

  describe("leases", () => {
    it("carries fences that only grow, also when the counter was lost", async () => {
      await add();
      const first = await leaseOne();
      await world.queue.release(first.id, first.fence, "");
      first.ex.held.clear();
      await world.redis.client.del("ccsp:queue:{0}:meta");
      world.clock.now += 1_000;
      const second = await leaseOne(first.ex);
      assert.ok(second.fence > first.fence, `${second.fence} > ${first.fence}`);
    });

    it("lets only the newest fence write", async () => {
      await add({ max: 9 });
      const old = await leaseOne();
      await start(old.id, old.fence);
      world.clock.now += LEASE_MS + 1;
      await reap(world.store, world.queue, keep);
      const { id, fence } = await leaseOne(executor(world, { id: "ex-2" }));
      const zombie = { id, fence: old.fence, number: 2, entries: [Buffer.from("late")] };
      await assert.rejects(world.queue.report(zombie), reason("LEASE_LOST"));
      await assert.rejects(world.queue.complete(id, old.fence, Buffer.from("old"), {}), reason("LEASE_LOST"));
      await assert.rejects(world.queue.fail(id, old.fence, failure(), {}), reason("LEASE_LOST"));
      await assert.rejects(world.queue.release(id, old.fence, ""), reason("LEASE_LOST"));
      await world.queue.complete(id, fence, Buffer.from("new"), {});
      assert.equal(String(await world.store.findResult({ id })), "new");
    });

    /** One of "ex-2", beside one of another executor whose record cannot be read. */
    const leaseBesideBroken = async (): Promise<string> => {
      await add();
      const broken = await leaseOne();
      await add();
      const { id } = await leaseOne(executor(world, { id: "ex-2" }));
      await world.redis.client.hset("ccsp:queue:{0}:tasks", broken.id, "no record");
      return id;
    };

    it("ends by time also where another task's record cannot be read, and says so", async () => {
      const id = await leaseBesideBroken();
      world.clock.now += LEASE_MS + 1;
      await assert.rejects(reap(world.store, world.queue, keep), AggregateError);
      assert.equal((await world.store.find(id))?.state, "QUEUED");
    });

    it("is freed by its executor's next boot also where another lease's record cannot be read", async () => {
      const id = await leaseBesideBroken();
      await executor(world, { id: "ex-2", boot: "next" }).sync({ freeSlots: 0 });
      assert.equal((await world.store.find(id))?.state, "QUEUED");
    });

    it("is renewed by each Sync that names it, and told as lost once it is gone", async () => {
      await add();
      const { ex, id } = await leaseOne();
      for (let i = 0; i < 3; i++) {
        world.clock.now += LEASE_MS - 1;
        await reap(world.store, world.queue, keep);
        assert.deepEqual((await ex.sync()).lost, []);
      }
      world.clock.now += LEASE_MS + 1;
      await reap(world.store, world.queue, keep);
      assert.deepEqual((await ex.sync({ freeSlots: 0 })).lost, [id]);
    });

    it("still belongs to its holder between its expiry and the next look", async () => {
      await add();
      const { id, fence } = await leaseOne();
      world.clock.now += LEASE_MS * 2;
      await world.queue.complete(id, fence, Buffer.from("late but first"), {});
      assert.equal(await state(id), "SUCCEEDED");
    });

    it("goes back at once when the holder's next Sync does not name it, and costs a delivery", async () => {
      await add();
      const { ex, id } = await leaseOne();
      ex.held.clear();
      const [again] = (await ex.sync()).grants;
      assert.equal(again?.task.id, id);
      assert.deepEqual([again.task.deliveries, again.task.spent], [1, undefined]);
    });

    it("is granted again, the same, when the same Sync comes twice, and counts once", async () => {
      for (let i = 0; i < 3; i++) await add();
      const ex = executor(world);
      const first = await ex.sync();
      ex.held.clear();
      const second = await ex.sync({ sequence: 1n, freeSlots: 2 });
      const [repeated] = second.grants;
      assert.deepEqual({ ...repeated, again: first.grants[0]?.again }, first.grants[0]);
      assert.deepEqual((await world.store.counts()).leased, 2);
      // Where the first answer is lost between Redis and its client, nobody can tell that it was no repeat.
      const ids = second.grants.map(({ task }) => task.id);
      assert.deepEqual(world.seen.leased, options.twice ? [] : ids);
    });

    it("is freed at once by a new boot of its executor, whose old one has no say any more", async () => {
      await add();
      const { id, ex: old } = await leaseOne();
      const [grant] = (await executor(world, { boot: "boot-2" }).sync()).grants;
      assert.equal(grant?.task.id, id);
      await assert.rejects(old.sync(), reason("SYNC_STALE"));
      assert.equal(await state(id), "LEASED");
    });

    it("is lost to a new boot that claims it as its own", async () => {
      await add();
      const { id, fence } = await leaseOne();
      const next = executor(world, { boot: "boot-2", slots: 0 });
      next.held.set(id, BigInt(fence));
      assert.deepEqual((await next.sync()).lost, [id]);
      assert.equal(await state(id), "QUEUED");
    });

    it("is not touched by a Sync that is older than the newest", async () => {
      await add();
      await add();
      const ex = executor(world, { slots: 2 });
      await ex.sync();
      await ex.sync();
      const before = await world.redis.client.zrangebyscore("ccsp:queue:{0}:leases", "-inf", "+inf", "WITHSCORES");
      world.clock.now += 10;
      await assert.rejects(executor(world, { slots: 2 }).sync({ sequence: 1n }), reason("SYNC_STALE"));
      assert.deepEqual(
        await world.redis.client.zrangebyscore("ccsp:queue:{0}:leases", "-inf", "+inf", "WITHSCORES"),
        before,
      );
    });

    it("costs an attempt when it expires during a run, and only a delivery before", async () => {
      await add({ max: 2 });
      const first = await leaseOne();
      world.clock.now += LEASE_MS + 1;
      await reap(world.store, world.queue, keep);
      assert.deepEqual([(await world.store.find(first.id))?.spent, await state(first.id)], [undefined, "QUEUED"]);
      for (const expected of ["QUEUED", "FAILED"]) {
        const { id, fence } = await leaseOne(executor(world, { boot: `b-${expected}` }));
        await start(id, fence);
        world.clock.now += LEASE_MS + 1;
        await reap(world.store, world.queue, keep);
        assert.equal(await state(id), expected);
      }
      const task = await world.store.find(first.id);
      assert.deepEqual([task?.error?.category, task?.attempt, task?.deliveries], ["EXECUTOR_LOST", 2, 1]);
    });

    it("ends a task that was lost before its start too often", async () => {
      const id = await add();
      for (let i = 0; i < DELIVERY_BUDGET; i++) {
        assert.equal(await state(id), "QUEUED", `after ${i}`);
        await leaseOne(executor(world, { boot: `b-${i}` }));
        world.clock.now += LEASE_MS + 1;
        await reap(world.store, world.queue, keep);
      }
      assert.equal(await state(id), "FAILED");
    });

    it("costs nothing when it is given back", async () => {
      const id = await add();
      for (const running of [false, true]) {
        const { fence } = await leaseOne(executor(world, { boot: `b-${running}` }));
        if (running) await start(id, fence);
        await world.queue.release(id, fence, "draining");
        await world.queue.release(id, fence, "draining");
      }
      const task = await world.store.find(id);
      assert.deepEqual([task?.state, task?.spent, task?.deliveries], ["QUEUED", undefined, undefined]);
    });

    it("is not renewed by a waiting call that looks once more", async () => {
      await add();
      const { ex } = await leaseOne();
      world.clock.now += LEASE_MS - 1;
      const call = { ...ex.request({ sequence: 1n }), leaseMs: LEASE_MS, again: true };
      assert.notEqual(await world.store.sync(call), "stale");
      assert.deepEqual(await world.store.overdueLeases(9), []);
      world.clock.now += 1;
      assert.equal((await world.store.overdueLeases(9)).length, 1);
    });

    it("is left alone by a reaper that saw it expire before it was renewed, and by one that is early", async () => {
      await add();
      const { id, fence } = await leaseOne();
      await world.queue.freeLease(id, { how: "expired" });
      assert.equal(await state(id), "LEASED");
      await world.queue.fail(id, fence, failure(), {});
      const parked = await world.store.find(id);
      assert.ok(parked);
      assert.equal(await world.queue.makeMove(parked, afterParking(parked)), "early");
      assert.equal(await state(id), "PARKED");
    });

    it("is not granted in answer to a Sync that is older than the newest", async () => {
      await add();
      const ex = executor(world);
      const old = {
        ...ex.request(),
        engine: "claude-code",
        account: "",
        count: 1,
        leaseMs: LEASE_MS,
        maxBytes: 1_000,
        order: ORDER,
      };
      await ex.sync({ freeSlots: 0 });
      assert.equal(await world.store.claim(old), "stale");
      assert.equal(await world.store.claim({ ...old, sequence: 2n, boot: "other" }), "stale");
    });

    it("is not granted once the start deadline has passed, though no reaper was there, unless a run started in time", async () => {
      const conditions = { deadline: world.clock.now + 1_000 };
      const first = await add({ conditions });
      const { fence } = await leaseOne(executor(world, { id: "ex-2" }));
      await start(first, fence);
      await world.queue.release(first, fence, "");
      const late = [await add({ conditions }), await add({ conditions: { ...conditions, pin: "ex-1" } })];
      const second = await add();
      world.clock.now = conditions.deadline;
      const { grants } = await executor(world, { slots: 9 }).sync();
      assert.deepEqual(
        grants.map(({ task }) => task.id),
        [first, second],
      );
      await reap(world.store, world.queue, keep);
      assert.deepEqual(await Promise.all(late.map(state)), ["EXPIRED", "EXPIRED"]);
      assert.deepEqual(await world.redis.client.keys("*:{0}:alarms"), []);
      assert.deepEqual(await world.redis.client.keys("*:{0}:blocked"), []);
    });

    it("is not given to an executor that drains", async () => {
      await add();
      assert.deepEqual((await executor(world).sync({ draining: true, maxWaitMs: 60_000 })).grants, []);
    });
  });

  it("lets no lease go on whose task has ended", async () => {
    await add();
    const { id, fence } = await leaseOne();
    await world.queue.complete(id, fence, Buffer.from("r"), {});
    const forgotten = { executor: "ex-1", boot: "boot-1", fence: fence + 1, accountOf: () => "" };
    assert.equal(await world.queue.resumeLease(id, forgotten, LEASE_MS), false);
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

    it("hands the context of its run to the next attempt", async () => {
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

    it("is written once when it is asked for twice in the same moment, and stands when a cancel comes with it", async () => {
      await add();
      const { id, fence } = await leaseOne();
      await Promise.all([
        ...["one", "two"].map((result) => world.queue.complete(id, fence, Buffer.from(result), {})),
        world.queue.cancel(id, "alice", ""),
      ]);
      assert.equal(await state(id), "SUCCEEDED");
      assert.equal(String(await world.store.findResult({ id })), "one");
      assert.equal((await logOf(world.store, id)).length, 1);
    });

    it("with a large result keeps it in chunks, which are read as one and go with the task", async () => {
      const result = randomBytes(CHUNK_BYTES * 2 + 1);
      await add();
      const { id, fence } = await leaseOne();
      await world.queue.complete(id, fence, result, {});
      await world.queue.complete(id, fence, randomBytes(CHUNK_BYTES * 3), {});
      const { task, result: read } = await world.queue.get(id, "alice");
      assert.deepEqual(Buffer.from(read ?? []), result);
      assert.equal(task.resultBytes, result.byteLength);
      const chunks = (await world.keys()).filter((key) => key.includes(":result:"));
      assert.equal(chunks.length, 2, "the second holder's chunks are there, and named by no task");
      for (const key of chunks) assert.ok((await world.redis.client.pttl(key)) > keep.retentionMs, "and expire");
      assert.equal(await world.redis.client.hlen("ccsp:queue:{0}:results"), 0);
      await reap(world.store, world.queue, { ...keep, maxEnded: 0 });
      assert.equal((await world.keys()).filter((key) => key.includes(":result:")).length, 1);
    });

    it("is recognised as repeated after a failure, also when the task was leased again since", async () => {
      await add();
      const { id, fence } = await leaseOne();
      await world.queue.fail(id, fence, failure(), {});
      world.clock.now += 1_000;
      await reap(world.store, world.queue, keep);
      assert.equal(await world.queue.fail(id, fence, failure(), {}), "QUEUED");
      await leaseOne(executor(world, { id: "ex-2" }));
      assert.equal(await world.queue.fail(id, fence, failure(), {}), "PARKED");
      assert.equal(await state(id), "LEASED");
    });

    it("comes after as many failed runs as the task may have, and a provider's limit is none of them", async () => {
      const id = await add({ max: 2 });
      const outcomes: string[] = [];
      for (const category of ["RATE_LIMIT", "NETWORK_ERROR", "OVERLOADED", "NETWORK_ERROR"]) {
        const { fence } = await leaseOne(executor(world, { boot: `b-${outcomes.length}` }));
        await start(id, fence);
        outcomes.push(await world.queue.fail(id, fence, failure(category), {}));
        world.clock.now += 60_000;
        await reap(world.store, world.queue, keep);
      }
      assert.deepEqual(outcomes, ["PARKED", "PARKED", "PARKED", "FAILED"]);
      assert.equal((await world.store.find(id))?.attempt, 4);
    });

    it("leaves a parked task parked until its time", async () => {
      const id = await add();
      const { fence } = await leaseOne();
      await world.queue.fail(id, fence, failure("RATE_LIMIT", { retryAfterMs: 3_600_000 }), {});
      world.clock.now += 3_599_999;
      await reap(world.store, world.queue, keep);
      assert.equal(await state(id), "PARKED");
      world.clock.now += 1;
      await reap(world.store, world.queue, keep);
      assert.equal(await state(id), "QUEUED");
    });
  });

  describe("a cancel", () => {
    const cancel = async (id: string) => (await world.queue.cancel(id, "alice", "changed my mind")).task;

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
        ...{ leased: 0, parked: 0, scheduled: 0, ended: 1 },
        waitingBytes: 0,
      });
    });

    for (const running of [false, true]) {
      it(`orders the executor of a ${running ? "running" : "leased"} task to stop it, and ends with its word`, async () => {
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

    it("does not undo a result that came first, nor a result that was already made", async () => {
      const id = await add();
      const { fence } = await leaseOne();
      await cancel(id);
      await world.queue.complete(id, fence, Buffer.from("done"), {});
      assert.equal((await cancel(id)).state, "SUCCEEDED");
    });

    it("is not followed by another attempt, whatever the run ends with", async () => {
      for (const how of ["fail", "release", "expire", "forget"]) {
        const id = await add();
        const { fence, ex } = await leaseOne(executor(world, { id: `ex-${how}` }));
        await cancel(id);
        if (how === "fail") await world.queue.fail(id, fence, failure("ENGINE_CRASH"), {});
        if (how === "release") await world.queue.release(id, fence, "");
        if (how === "expire") world.clock.now += LEASE_MS + 1;
        if (how === "expire") await reap(world.store, world.queue, keep);
        if (how === "forget") ex.held.clear();
        if (how === "forget") await ex.sync();
        assert.equal(await state(id), "CANCELLED", how);
      }
    });
  });

  describe("retention", () => {
    it("leaves nothing of a task behind but its request id", async () => {
      const id = await add({ request: { id: "r", hash: "h" } });
      const { fence } = await leaseOne();
      await start(id, fence);
      await world.queue.complete(id, fence, Buffer.from("x"), {});
      await executor(world).sync({ sequence: 9n });
      world.clock.now += keep.retentionMs - 1;
      await reap(world.store, world.queue, keep);
      assert.equal(await state(id), "SUCCEEDED");
      world.clock.now += 1;
      await reap(world.store, world.queue, keep);
      const left = (await world.redis.client.keys("*")).toSorted();
      const mine = ["executor:ex-1", "meta", "request:alice:r", "rota:claude-code", "turns:claude-code:normal"].map(
        (key) => `ccsp:queue:{0}:${key}`,
      );
      assert.deepEqual(left, ["ccsp:events:{0}", ...mine]);
    });

    it("forgets nothing that has not ended", async () => {
      const id = await add();
      await world.store.remove({ id });
      assert.equal(await state(id), "QUEUED");
    });

    it("forgets the oldest ended tasks until what is kept of the others is within the bound of bytes", async () => {
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
      await reap(world.store, world.queue, { ...keep, maxEndedBytes: 64_000 });
      assert.deepEqual((await world.store.listIds("alice", undefined, 500)).toReversed(), ids.slice(4));
      await reap(world.store, world.queue, { ...keep, maxEnded: 0 });
      assert.equal(await world.redis.client.hexists("ccsp:queue:{0}:load", "ended/bytes"), 0);
    });

    it("counts nothing of a task that was put back", async () => {
      const id = await add({ max: 1 });
      const { fence } = await leaseOne();
      await start(id, fence);
      await world.queue.fail(id, fence, failure(), {});
      await world.queue.retry(id, "alice", "");
      assert.equal(Number(await world.redis.client.hget("ccsp:queue:{0}:load", "ended/bytes")), 0);
    });

    it("forgets the oldest ended tasks above the bound", async () => {
      const ids: string[] = [];
      for (let i = 0; i < 250; i++) {
        ids.push(await add());
        if (i < 240) await world.queue.cancel(ids[i] ?? "", "alice", "");
        world.clock.now++;
      }
      await reap(world.store, world.queue, { ...keep, maxEnded: 5 });
      const left = await world.store.listIds("alice", undefined, 500);
      assert.deepEqual(left.toReversed(), ids.slice(235));
    });
  });

  describe("a record that cannot be read", () => {
    const addBroken = async (id: string) => world.redis.client.hset("ccsp:queue:{0}:tasks", id, "no record");

    it("keeps no other ended task, and is forgotten with them", async () => {
      const ids = [await add(), await add(), await add()];
      for (const id of ids) await world.queue.cancel(id, "alice", "");
      await addBroken(ids[0] ?? "");
      await reap(world.store, world.queue, { ...keep, maxEnded: 0 });
      assert.equal((await world.store.counts()).ended, 0);
      assert.deepEqual(await world.redis.client.hkeys("ccsp:queue:{0}:tasks"), []);
    });

    it("is forgotten only in the place of an ended one", async () => {
      const id = await add();
      await addBroken(id);
      await world.store.remove({ id });
      assert.deepEqual(await world.redis.client.hkeys("ccsp:queue:{0}:tasks"), [id]);
    });

    it("holds up none of those whose time came after its own", async () => {
      const start = world.clock.now + 1_000;
      const ids = await Promise.all(Array.from({ length: 250 }, () => add({ start })));
      await addBroken(ids.toSorted()[0] ?? "");
      world.clock.now = start;
      await assert.rejects(reap(world.store, world.queue, keep), AggregateError);
      assert.equal((await executor(world, { slots: 300 }).sync()).grants.length, 249);
    });

    it("is passed over by lists, changes by filter and the status", async () => {
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

  it("does all else of a round of the reaper when one part of it fails, and says what failed", async () => {
    const closed = { who: "w", why: "y", opensMs: world.clock.now + 1_000 };
    await world.gates.pause(scopes.agent("alice"), closed);
    const id = await add({ start: closed.opensMs });
    world.clock.now = closed.opensMs;
    const fault = new Error("cannot be read");
    const broken = { overdueLeases: async () => Promise.reject(fault), mendRunning: async () => Promise.reject(fault) };
    await assert.rejects(reap({ ...world.store, ...broken }, world.queue, keep), { errors: [fault, fault] });
    assert.equal(await state(id), "QUEUED");
    assert.equal((await world.store.gates()).size, 0);
  });
}
