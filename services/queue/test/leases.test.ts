import assert from "node:assert/strict";
import { reap } from "../src/domain/due/reaper.js";
import { OPERATOR } from "../src/domain/task/caller.js";
import { afterParking, DELIVERY_BUDGET } from "../src/domain/task/decide.js";
import { queueKeys } from "../src/redis/keys.js";
import { inEveryRedis, keep, reason, tasksOf } from "./task-world.js";
import { executor, failure, LEASE_MS, logOf, ORDER, startWorld, type World, type WorldOptions } from "./world.js";

inEveryRedis("the queue's leases", promises);

function promises(options: WorldOptions): void {
  let world: World;
  before(async () => void (world = await startWorld(options)));
  after(() => world.close());
  beforeEach(() => world.reset());
  const { add, state, start, leaseOne } = tasksOf(() => world);

  describe("leases", () => {
    it("has a fence that only grows, even when the counter was lost", async () => {
      await add();
      const first = await leaseOne();
      await world.queue.release(first.id, first.fence, "");
      first.ex.held.clear();
      await world.redis.client.del(queueKeys(0).meta);
      world.clock.now += 1_000;
      const second = await leaseOne(first.ex);
      assert.ok(second.fence > first.fence, `${second.fence} > ${first.fence}`);
    });

    it("lets only the newest fence write", async () => {
      await add({ max: 9 });
      const old = await leaseOne();
      await start(old.id, old.fence);
      world.clock.now += LEASE_MS + 1;
      await reap(world, keep);
      const { id, fence } = await leaseOne(executor(world, { id: "ex-2" }));
      const zombie = { id, fence: old.fence, number: 2, entries: [Buffer.from("late")] };
      await assert.rejects(world.queue.report(zombie), reason("LEASE_LOST"));
      await assert.rejects(world.queue.complete(id, old.fence, Buffer.from("old"), {}), reason("LEASE_LOST"));
      await assert.rejects(world.queue.fail(id, old.fence, failure(), {}), reason("LEASE_LOST"));
      await assert.rejects(world.queue.release(id, old.fence, ""), reason("LEASE_LOST"));
      await world.queue.complete(id, fence, Buffer.from("new"), {});
      assert.equal(String(await world.store.findResult({ id })), "new");
    });

    it("takes a result that comes after the end of its lease, once, until a later lease is granted or the task ends", async () => {
      const lost = async () => {
        const lease = await leaseOne();
        await start(lease.id, lease.fence);
        world.clock.now += LEASE_MS + 1;
        await reap(world, keep);
        lease.ex.held.clear();
        return lease;
      };
      const complete = (id: string, fence: number) =>
        world.queue.complete(id, fence, Buffer.from("late"), { tokens: 7, event: { model: "m" } });
      const late = await add({ max: 9 });
      const { fence } = await lost();
      assert.equal(await state(late), "QUEUED");
      for (const end of [
        () => world.queue.fail(late, fence, failure(), {}),
        () => world.queue.release(late, fence, ""),
        () => complete(late, fence - 1),
      ])
        await assert.rejects(end(), reason("LEASE_LOST"));
      await complete(late, fence);
      await complete(late, fence);
      assert.equal(await state(late), "SUCCEEDED");
      assert.equal(String(await world.store.findResult({ id: late })), "late");
      const events = await world.redis.client.xrange(queueKeys(0).events, "-", "+");
      assert.equal(events.filter(([, fields]) => fields.includes("task.completed")).length, 1, "its use counts once");
      const { waitingBytes, leased } = await world.store.counts();
      assert.deepEqual([waitingBytes, leased], [0, 0]);

      const again = await add({ max: 9 });
      const first = await lost();
      const second = await leaseOne(executor(world, { id: "ex-2" }));
      assert.equal(second.id, again);
      await assert.rejects(complete(again, first.fence), reason("LEASE_LOST"));
      await world.queue.release(again, second.fence, "");
      await assert.rejects(complete(again, first.fence), reason("LEASE_LOST"));
      await assert.rejects(complete(again, second.fence), reason("LEASE_LOST"), "its holder gave it back");
      await world.queue.cancel(again, OPERATOR, "enough");
      await assert.rejects(complete(again, second.fence), reason("LEASE_LOST"));
    });

    it("charges a late result whole, whether the start of its run was told or not", async () => {
      for (const [agent, told] of [
        ["told", true],
        ["untold", false],
      ] as const) {
        await add({ agent });
        const { id, fence, ex } = await leaseOne();
        if (told) await start(id, fence);
        world.clock.now += LEASE_MS + 1;
        await reap(world, keep);
        ex.held.clear();
        await world.queue.complete(id, fence, Buffer.from("late"), { tokens: 700 });
      }
      const { normalTurns } = queueKeys(0).engine("claude-code");
      const times = await world.redis.client.zrange(normalTurns, "0", "-1", "WITHSCORES");
      assert.deepEqual(times, ["told", "700", "untold", "700"]);
    });

    /** Makes a lease of "ex-2", and one of another executor whose record cannot be decoded. */
    const leaseBesideBroken = async (): Promise<string> => {
      await add();
      const broken = await leaseOne();
      await add();
      const { id } = await leaseOne(executor(world, { id: "ex-2" }));
      await world.redis.client.hset(queueKeys(0).tasks, broken.id, "no record");
      return id;
    };

    it("expires even when another task's record cannot be read, and the fault is reported", async () => {
      const id = await leaseBesideBroken();
      world.clock.now += LEASE_MS + 1;
      await assert.rejects(reap(world, keep), AggregateError);
      assert.equal((await world.store.find(id))?.state, "QUEUED");
    });

    it("is freed by the next boot of its executor even when another lease's record cannot be read", async () => {
      const id = await leaseBesideBroken();
      await executor(world, { id: "ex-2", boot: "next" }).sync({ freeSlots: 0 });
      assert.equal((await world.store.find(id))?.state, "QUEUED");
    });

    it("is renewed by each Sync that names it, and reported as lost once it is gone", async () => {
      await add();
      const { ex, id } = await leaseOne();
      for (let i = 0; i < 3; i++) {
        world.clock.now += LEASE_MS - 1;
        await reap(world, keep);
        assert.deepEqual((await ex.sync()).lost, []);
      }
      world.clock.now += LEASE_MS + 1;
      await reap(world, keep);
      assert.deepEqual((await ex.sync({ freeSlots: 0 })).lost, [id]);
    });

    it("still belongs to its holder between its expiry and the next check", async () => {
      await add();
      const { id, fence } = await leaseOne();
      world.clock.now += LEASE_MS * 2;
      await world.queue.complete(id, fence, Buffer.from("late but first"), {});
      assert.equal(await state(id), "SUCCEEDED");
    });

    it("is given back at once when the holder's next Sync does not name it, and costs a delivery", async () => {
      await add();
      const { ex, id } = await leaseOne();
      ex.held.clear();
      const [again] = (await ex.sync()).grants;
      assert.equal(again?.task.id, id);
      assert.deepEqual([again.task.deliveries, again.task.spent], [1, undefined]);
    });

    it("that its holder does not name is settled before an early claim with that Sync grants more", async () => {
      await add();
      const { id, fence, ex } = await leaseOne();
      await add();
      ex.held.clear();
      const mark = ex.request();
      const findings = await world.store.sync({ ...mark, leaseMs: LEASE_MS, again: false });
      assert.deepEqual(findings !== "stale" && findings.unlisted, [{ id, fence }]);
      const wanted = { engine: "claude-code", account: "", count: 2, leaseMs: LEASE_MS, maxBytes: 1_000 };
      const claim = { ...mark, ...wanted, order: ORDER };
      assert.equal(await world.store.claim({ ...claim, early: true }), "unsettled");
      await world.queue.freeLease(id, { how: "undelivered", fence });
      const claimed = await world.store.claim({ ...claim, early: false });
      assert.ok(typeof claimed !== "string");
      assert.equal(claimed.grants.length, 2);
      assert.equal(claimed.grants[0]?.task.id, id);
    });

    it("of an ended task is reported as lost to an executor that still names it", async () => {
      await add();
      const { id, fence, ex } = await leaseOne();
      await world.queue.complete(id, fence, Buffer.from("result"), {});
      assert.deepEqual((await ex.sync()).lost, [id]);
    });

    it("is granted again unchanged when the same Sync comes twice, and counts once", async () => {
      for (let i = 0; i < 3; i++) await add();
      const ex = executor(world);
      const first = await ex.sync();
      ex.held.clear();
      const second = await ex.sync({ sequence: 1n, freeSlots: 2 });
      assert.deepEqual(
        second.grants.slice(0, 1),
        first.grants.map((grant) => ({ ...grant, again: true })),
      );
      assert.deepEqual((await world.store.counts()).leased, 2);
      // With `twice`, the first answer is lost between Redis and its client. Then the queue cannot know that the grant
      // was new, and not repeated.
      const ids = second.grants.map(({ task }) => task.id);
      assert.deepEqual(world.seen.leased, options.twice ? [] : ids);
    });

    it("is freed at once by a new boot of its executor, and the old boot can no longer use it", async () => {
      await add();
      const { id, ex: old } = await leaseOne();
      const [grant] = (await executor(world, { boot: "boot-2" }).sync()).grants;
      assert.equal(grant?.task.id, id);
      await assert.rejects(old.sync(), reason("SYNC_STALE"));
      assert.equal(await state(id), "LEASED");
    });

    it("is granted to an executor again when a foreign boot that called once under its name is silent for a lease", async () => {
      const own = executor(world);
      await own.sync();
      await executor(world, { boot: "foreign", slots: 0 }).sync();
      const id = await add();
      world.clock.now += LEASE_MS;
      await assert.rejects(own.sync(), reason("SYNC_STALE"));
      world.clock.now += 1;
      assert.deepEqual(
        (await own.sync()).grants.map(({ task }) => task.id),
        [id],
      );
      assert.deepEqual((await own.sync()).lost, [], "it keeps the lease");
      await assert.rejects(executor(world, { boot: "foreign" }).sync(), reason("SYNC_STALE"));
    });

    it("of a foreign boot goes to the executor itself when that boot is silent for a lease", async () => {
      const id = await add();
      const own = executor(world);
      await own.sync({ freeSlots: 0 });
      const foreign = await leaseOne(executor(world, { boot: "foreign" }));
      assert.equal(foreign.id, id);
      world.clock.now += LEASE_MS + 1;
      const [grant] = (await own.sync()).grants;
      assert.equal(grant?.task.id, id);
      assert.ok(grant && grant.fence > foreign.fence);
    });

    it("is granted to an executor again when a foreign call under its boot has used up the sequences", async () => {
      const own = executor(world);
      await own.sync();
      await executor(world, { slots: 0 }).sync({ sequence: BigInt(Number.MAX_SAFE_INTEGER) });
      const id = await add();
      await assert.rejects(own.sync(), reason("SYNC_STALE"));
      world.clock.now += LEASE_MS + 1;
      assert.deepEqual(
        (await own.sync()).grants.map(({ task }) => task.id),
        [id],
      );
      assert.deepEqual((await own.sync()).lost, []);
    });

    it("is lost to a new boot that claims it as its own", async () => {
      await add();
      const { id, fence } = await leaseOne();
      const next = executor(world, { boot: "boot-2", slots: 0 });
      next.held.set(id, BigInt(fence));
      assert.deepEqual((await next.sync()).lost, [id]);
      assert.equal(await state(id), "QUEUED");
    });

    it("is not changed by a Sync that is older than the newest", async () => {
      await add();
      await add();
      const ex = executor(world, { slots: 2 });
      await ex.sync();
      await ex.sync();
      const before = await world.redis.client.zrangebyscore(queueKeys(0).leases, "-inf", "+inf", "WITHSCORES");
      world.clock.now += 10;
      await assert.rejects(executor(world, { slots: 2 }).sync({ sequence: 1n }), reason("SYNC_STALE"));
      assert.deepEqual(
        await world.redis.client.zrangebyscore(queueKeys(0).leases, "-inf", "+inf", "WITHSCORES"),
        before,
      );
    });

    it("costs an attempt when it expires during a run, and only a delivery before", async () => {
      await add({ max: 2 });
      const first = await leaseOne();
      world.clock.now += LEASE_MS + 1;
      await reap(world, keep);
      assert.deepEqual([(await world.store.find(first.id))?.spent, await state(first.id)], [undefined, "QUEUED"]);
      for (const expected of ["QUEUED", "FAILED"]) {
        const { id, fence } = await leaseOne(executor(world, { boot: `b-${expected}` }));
        await start(id, fence);
        world.clock.now += LEASE_MS + 1;
        await reap(world, keep);
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
        await reap(world, keep);
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
      const said = (await logOf(world.store, id)).map(({ content }) => content.kind === "state" && content.note.reason);
      assert.deepEqual(
        said.filter((each) => each !== false && each !== undefined),
        ["draining", "draining"],
        "the reason is in its log, even when no run had started",
      );
    });

    it("is not renewed by a waiting call that checks once more", async () => {
      await add();
      const { ex } = await leaseOne();
      world.clock.now += LEASE_MS - 1;
      const call = { ...ex.request({ sequence: 1n }), leaseMs: LEASE_MS, again: true };
      assert.notEqual(await world.store.sync(call), "stale");
      assert.deepEqual(await world.store.overdueLeases(9), []);
      world.clock.now += 1;
      assert.equal((await world.store.overdueLeases(9)).length, 1);
    });

    it("is not touched by a reaper that saw it expire before it was renewed, nor by one that is early", async () => {
      await add();
      const { id, fence } = await leaseOne();
      await world.queue.freeLease(id, { how: "expired" });
      assert.equal(await state(id), "LEASED");
      await world.queue.fail(id, fence, failure(), {});
      const parked = await world.store.find(id);
      assert.ok(parked);
      assert.equal(await world.moves.makeMove(parked, afterParking(parked)), "early");
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
        early: false,
      };
      await ex.sync({ freeSlots: 0 });
      assert.equal(await world.store.claim(old), "stale");
      assert.equal(await world.store.claim({ ...old, sequence: 2n, boot: "other" }), "stale");
    });

    it("is not granted once the start deadline has passed, even before a reaper ran, unless a run started in time", async () => {
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
      await reap(world, keep);
      assert.deepEqual(await Promise.all(late.map(state)), ["EXPIRED", "EXPIRED"]);
      assert.deepEqual(await world.redis.client.keys("*:{0}:alarms"), []);
      assert.deepEqual(await world.redis.client.keys("*:{0}:blocked"), []);
    });

    it("is not granted after a claim found its start deadline passed, though the clock is set back: it expires", async () => {
      const deadline = world.clock.now + 1_000;
      const id = await add({ conditions: { deadline } });
      world.clock.now = deadline;
      assert.deepEqual((await executor(world).sync()).grants, []);
      world.clock.now = deadline - 10;
      await reap(world, keep);
      assert.deepEqual((await executor(world, { id: "ex-2" }).sync()).grants, []);
      world.clock.now = deadline;
      await reap(world, keep);
      assert.equal(await state(id), "EXPIRED");
    });

    it("is not given to an executor that drains", async () => {
      await add();
      assert.deepEqual((await executor(world).sync({ draining: true, maxWaitMs: 60_000 })).grants, []);
    });
  });

  it("is not kept for a task that has ended", async () => {
    await add();
    const { id, fence } = await leaseOne();
    await world.queue.complete(id, fence, Buffer.from("r"), {});
    const forgotten = { executor: "ex-1", boot: "boot-1", fence: fence + 1, accountOf: () => "" };
    assert.equal(await world.queue.resumeLease(id, forgotten, LEASE_MS), false);
  });
}
