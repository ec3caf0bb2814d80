import assert from "node:assert/strict";
import { decodeEvent } from "@ccsp/events";
import { reap } from "../src/domain/due/reaper.js";
import { asAgent, OPERATOR } from "../src/domain/task/caller.js";
import { labelName } from "../src/domain/task/labels.js";
import { queueKeys } from "../src/redis/keys.js";
import { checkInvariants } from "./invariants.js";
import { scopes } from "./scopes.js";
import {
  executor,
  failure,
  logOf,
  newTask,
  queueOver,
  REFUSALS,
  startWorld,
  type World,
  type WorldOptions,
} from "./world.js";

const KEEP = { retentionMs: 1e12, maxEnded: 1e6, maxEndedBytes: 1e12 };

for (const twice of [false, true]) {
  describe(`limits${twice ? ", each script sent twice" : ""}`, () => limits({ twice }));
}

function limits({ twice }: WorldOptions): void {
  let world: World;
  const open = async (order: WorldOptions["order"] = {}) =>
    void (world = await startWorld({ ...(twice && { twice }), order }));
  afterEach(async () => {
    await checkInvariants(world);
    await world.close();
  });

  const add = async (task: Parameters<typeof newTask>[0] = {}) => {
    world.clock.now++;
    return (await world.queue.enqueue(newTask(task))).task.id;
  };
  let calls = 0;
  const take = async (slots = 9, more: Parameters<typeof executor>[1] = {}) =>
    (await executor(world, { id: `ex-${++calls}`, slots, ...more }).sync()).grants.map(({ task, fence }) => ({
      ...task,
      fence,
    }));
  const one = async (more: Parameters<typeof executor>[1] = {}) => {
    const [task] = await take(1, more);
    assert.ok(task, "there is a lease");
    return task;
  };
  const start = ({ id, fence }: { id: string; fence: number }) =>
    world.queue.report({ id, fence, number: 1, started: { traceparent: "" }, entries: [] });
  const fail = ({ id, fence }: { id: string; fence: number }, ...error: Parameters<typeof failure>) =>
    world.queue.fail(id, fence, failure(...error), {});
  const complete = ({ id, fence }: { id: string; fence: number }, tokens?: number) =>
    world.queue.complete(id, fence, Buffer.from(""), tokens === undefined ? {} : { tokens });
  const tick = () => reap(world, KEEP);
  const ids = (tasks: readonly { id: string }[]) => tasks.map(({ id }) => id);
  const told = async (type: string) => {
    const entries = await world.redis.client.xrange(queueKeys(0).events, "-", "+");
    return entries.map(([id, fields]) => decodeEvent(0, id, fields)?.data).filter((data) => data?.$case === type);
  };

  describe("of a login", () => {
    beforeEach(() => open());

    it("close its gate until a window opens plus half a minute; other logins continue", async () => {
      const id = await add();
      const other = await add();
      const leased = await one({ account: "team" });
      await start(leased);
      assert.equal(await fail(leased, "USAGE_WINDOW", { retryAfterMs: 3_600_000 }), "PARKED");
      assert.deepEqual(await take(9, { account: "team" }), []);
      assert.deepEqual(ids(await take(9, { account: "mine" })), [other]);
      world.clock.now += 3_630_000;
      await tick();
      const again = await one({ account: "team" });
      assert.deepEqual([again.id, again.spent, again.limited], [id, 0, 1]);
      assert.equal((await told("gateClosed")).length, 1);
    });

    it("end a task that meets them repeatedly, with their cause; a record of the previous release starts at zero", async () => {
      const id = await add();
      const { tasks } = queueKeys(0);
      const record = JSON.parse((await world.redis.client.hget(tasks, id)) ?? "{}");
      await world.redis.client.hset(tasks, id, JSON.stringify({ ...record, limited: 7 }));
      for (let runs = 1; runs <= REFUSALS.runs + 1; runs++) {
        const leased = await one();
        await start(leased);
        const state = await fail(leased, runs % 2 ? "OVERLOADED" : "RATE_LIMIT");
        assert.equal(state, runs <= REFUSALS.runs ? "PARKED" : "FAILED", `run ${runs}`);
        world.clock.now += 300_000;
        await tick();
      }
      const task = await world.store.find(id);
      assert.deepEqual([task?.spent, task?.refused, task?.limited], [0, REFUSALS.runs + 1, REFUSALS.runs + 8]);
      assert.equal(task?.error?.category, "OVERLOADED");
    });

    it("end a task whose login is refused each time that a person opens its gate", async () => {
      const id = await add();
      for (let runs = 1; runs <= REFUSALS.runs + 1; runs++) {
        const leased = await one({ account: "team" });
        await start(leased);
        const state = await fail(leased, "SESSION_TIMEOUT", { retryable: false });
        assert.equal(state, runs <= REFUSALS.runs ? "QUEUED" : "FAILED", `run ${runs}`);
        assert.deepEqual(await take(9, { account: "team" }), [], "the gate is closed, also by the last one");
        await world.gates.resume(scopes.account("claude-code", "team"), { who: "ada", why: "renewed" });
        world.clock.now += 61_000;
        await tick();
      }
      assert.deepEqual((await world.store.find(id))?.spent, 0);
    });

    it("close its gate until a person resumes when it is refused, and notify once", async () => {
      await add();
      await add();
      const both = await take(2, { account: "team" });
      for (const each of both) await start(each);
      for (const each of both) {
        assert.equal(await fail(each, "SESSION_TIMEOUT", { retryable: false }), "QUEUED");
      }
      assert.deepEqual(await take(9, { account: "team" }), []);
      world.clock.now += 86_400_000;
      await tick();
      assert.deepEqual(await take(9, { account: "team" }), []);
      assert.equal((await told("sessionTimeout")).length, 1);
      await world.gates.resume(scopes.account("claude-code", "team"), { who: "ada", why: "renewed" });
      assert.equal((await take(9, { account: "team" })).length, 1, "during the ramp");
      const task = await world.store.find(both[0]?.id ?? "");
      assert.deepEqual([task?.spent, task?.limited], [0, 1]);
    });

    it("report a refused login, and wait for a person, even behind a gate that is closed for another cause", async () => {
      const login = scopes.account("claude-code", "team");
      const causes = [
        async (leased: { id: string; fence: number }) => fail(leased, "USAGE_WINDOW", { retryAfterMs: 3_600_000 }),
        async () => world.gates.pause(login, { who: "ada", why: "maintenance", opensMs: world.clock.now + 1_000 }),
      ];
      for (const [n, close] of causes.entries()) {
        await add();
        await add();
        const [one, other] = await take(2, { account: "team" });
        await close(one ?? assert.fail());
        await fail(other ?? assert.fail(), "SESSION_TIMEOUT");
        const gate = (await world.store.gates()).get("account/claude-code/team");
        assert.match(gate?.why ?? "", /is refused/);
        assert.equal(gate?.opens, undefined);
        assert.equal((await told("sessionTimeout")).length, n + 1);
        assert.equal((await told("gateClosed")).length, 2 * (n + 1));
        await world.gates.resume(login, { who: "ada", why: "renewed" });
        world.clock.now += 86_400_000;
        await tick();
      }
    });

    it("are not reported a second time when the monitor has paused the account of a refused login meanwhile", async () => {
      const login = scopes.account("claude-code", "team");
      await add();
      const [leased = assert.fail()] = await take(1, { account: "team" });
      await start(leased);
      const paused = await world.gates.pause(login, { who: "ccsp/session", why: "the login is refused" });
      await fail(leased, "SESSION_TIMEOUT");
      assert.deepEqual((await world.store.gates()).get("account/claude-code/team"), paused);
      assert.deepEqual(await told("sessionTimeout"), []);
      assert.equal((await told("gateClosed")).length, 1);
    });

    it("halve the allowed runs at the same time while the provider is overloaded, and raise them with each three successes", async () => {
      for (let i = 0; i < 30; i++) await add();
      const first = await take(8);
      for (const each of first) await start(each);
      for (const each of first.slice(0, 2)) assert.equal(await fail(each, "OVERLOADED"), "PARKED");
      assert.deepEqual(await take(9), [], "six run, four may run");
      for (const each of first.slice(2)) await complete(each);
      const second = await take(9);
      assert.equal(second.length, 4);
      for (const each of second.slice(0, 3)) await complete(each);
      const third = await take(9);
      // A client that sends each script twice counts each success twice.
      assert.equal(third.length, twice ? 5 : 4);
      for (let round = 0; round < 9; round++) for (const each of await take(9)) await complete(each);
      for (const each of [...second.slice(3), ...third]) await complete(each);
      for (let i = 0; i < 20; i++) await add();
      for (let round = 0; round < 9; round++) for (const each of await take(9)) await complete(each);
      assert.equal(await world.redis.client.hlen(queueKeys(0).gates), 0);
    });

    it("do not halve twice for runs that failed together", async () => {
      for (let i = 0; i < 30; i++) await add();
      const first = await take(8);
      for (const each of first) await fail(each, "OVERLOADED");
      assert.equal((await take(9)).length, 4);
    });
  });

  describe("of an executor", () => {
    beforeEach(() => open());

    it("block it from an engine that it cannot start for longer and longer, while others get the tasks", async () => {
      const id = await add();
      const waits = [];
      for (let attempt = 0; attempt < 3; attempt++) {
        const leased = await one({ id: "broken", boot: `b-${attempt}` });
        assert.equal(await fail(leased, "ENGINE_CRASH"), "QUEUED");
        const gate = (await world.store.gates()).get("executor/broken/claude-code");
        waits.push((gate?.opens ?? 0) - world.clock.now);
        assert.deepEqual(await take(9, { id: "broken", boot: `c-${attempt}` }), []);
        world.clock.now += waits.at(-1) ?? 0;
        await tick();
      }
      assert.deepEqual(waits, [5_000, 10_000, 20_000]);
      const elsewhere = await one();
      assert.deepEqual([elsewhere.id, elsewhere.spent, elsewhere.deliveries], [id, 0, 3]);
      assert.deepEqual(await told("gateClosed"), []);
    });

    it("count a lease that could not start once, even when its Fail is repeated after a replica died during it", async () => {
      const [first] = [await add(), await add()];
      const [one, other] = await take(2, { id: "broken" });
      assert.ok(one && other);
      const dying = { ...world.store, move: () => Promise.reject(new Error("the replica is gone")) };
      const { queue: replica } = queueOver({ ...world, store: dying });
      await assert.rejects(replica.fail(one.id, one.fence, failure("ENGINE_CRASH"), {}), /the replica is gone/);
      const pauseMs = async () => {
        const gate = (await world.store.gates()).get("executor/broken/claude-code");
        return (gate?.opens ?? 0) - world.clock.now;
      };
      assert.equal(await pauseMs(), 5_000);
      world.clock.now += 1_000;
      assert.equal(await fail(one, "ENGINE_CRASH"), "QUEUED");
      assert.equal(await pauseMs(), 4_000);
      assert.equal(await fail(other, "ENGINE_CRASH"), "QUEUED");
      assert.equal(await pauseMs(), 10_000, "another lease is another failure");
      assert.equal((await world.store.find(first ?? ""))?.deliveries, 1);
    });
  });

  describe("of labels", () => {
    const label = (value: string) => ({ labels: [labelName("repo", value)] });

    it("limit the runs at the same time for each value of a key, and let the next start as one ends", async () => {
      await open({ labelMaxRunning: { repo: 1 } });
      const x = [await add(label("x")), await add(label("x")), await add(label("x"))];
      const y = await add(label("y"));
      const free = await add();
      const got = await take();
      assert.deepEqual(ids(got), [x[0], y, free]);
      assert.deepEqual(await take(), []);
      await complete(got[0] ?? assert.fail());
      assert.deepEqual(ids(await take()), [x[1]]);
      const { deferred = {} } = (await world.store.find(x[1] ?? "")) ?? {};
      assert.deepEqual(Object.keys(deferred), ["CAP"], "for the span of its wait");
    });

    it("limit one value by its own number", async () => {
      await open({ labelMaxRunning: { repo: 1, [labelName("repo", "big")]: 2 } });
      for (let i = 0; i < 3; i++) await add(label("big"));
      assert.equal((await take()).length, 2);
    });

    it("repair a wrong count", async () => {
      await open({ labelMaxRunning: { repo: 1 } });
      await world.redis.client.hincrby(queueKeys(0).running, `label/${labelName("repo", "x")}`, 1);
      const id = await add(label("x"));
      assert.deepEqual(await take(), []);
      await tick();
      assert.deepEqual(ids(await take()), [id]);
    });

    it("keep a claim short: it checks a hundred tasks at most and is repeated at once", async () => {
      await open({ labelMaxRunning: { repo: 1 } });
      for (let i = 0; i < 150; i++) await add({ ...label("x") });
      const free = await add();
      const ex = executor(world, { slots: 9 });
      // When the script is sent twice, the second run has already checked more tasks.
      assert.equal((await ex.sync()).grants.length, twice ? 2 : 1);
      if (twice) return;
      const answer = await ex.sync({ maxWaitMs: 5_000 });
      assert.deepEqual(
        answer.grants.map(({ task }) => task.id),
        [free],
      );
    });
  });

  describe("of an agent", () => {
    it("let its next task start as soon as one ends, also on an executor that waits", async () => {
      await open({ agentMaxRunning: 1 });
      const [first, second] = [await add(), await add()];
      const leased = await one();
      assert.equal(leased.id, first);
      assert.deepEqual(await take(), []);
      const waiting = executor(world, { id: "idle" }).sync({ maxWaitMs: 4_000 });
      await complete(leased);
      assert.deepEqual(
        (await waiting).grants.map(({ task }) => task.id),
        [second],
      );
    });

    it("add no cost to a claim while many agents are throttled", async () => {
      await open({ agentMaxRunning: 1 });
      for (let i = 0; i < 40; i++) {
        await add({ agent: `a-${i}` });
        await add({ agent: `a-${i}` });
      }
      assert.equal((await take(40)).length, 40);
      await take(1);
      const before = await commandCalls(world);
      await take(1);
      assert.ok((await commandCalls(world)) - before < 60, "no agent is checked again");
    });
  });

  describe("by rate", () => {
    it("let a limited number start in a minute, and return how long the next has to wait", async () => {
      await open({ engineRates: { "claude-code": [6, 0] } });
      for (let i = 0; i < 20; i++) await add();
      assert.equal((await take(20)).length, 6);
      const { request } = executor(world, { id: "asks" });
      const mark = request();
      await world.store.sync({ ...mark, leaseMs: 1_000, again: false });
      const claim = { ...mark, engine: "claude-code", account: "", count: 9, leaseMs: 1_000, maxBytes: 1_000 };
      assert.deepEqual(await world.store.claim({ ...claim, order: world.order, early: false }), {
        grants: [],
        left: 0,
        pins: false,
        waitMs: 10_000,
      });
      world.clock.now += 10_000;
      assert.equal((await take(20)).length, 1);
      world.clock.now += 20_000;
      assert.equal((await take(20)).length, 2);
    });

    it("count the tokens of finished runs, into debt, for each agent separately", async () => {
      await open({ agentRates: { "*": [0, 1_000], bob: [0, 0] } });
      for (let i = 0; i < 3; i++) {
        await add();
        await add({ agent: "bob" });
      }
      const [a, b] = await take(2);
      assert.deepEqual([a?.agent, b?.agent], ["alice", "bob"]);
      await start(a ?? assert.fail());
      await complete(a ?? assert.fail(), 2_000);
      await complete(b ?? assert.fail());
      const bobs = await take(9);
      assert.equal(bobs.map(({ agent }) => agent).join(), "bob,bob");
      for (const each of bobs) await complete(each);
      // A run costs 2,000 now, more than the bucket holds. So it starts when the bucket is full.
      world.clock.now += 119_000;
      await tick();
      assert.deepEqual(await take(9), []);
      world.clock.now += 2_000;
      await tick();
      assert.equal((await take(9)).length, 1);
    });
  });

  describe("by executor", () => {
    beforeEach(() => open());

    it("give a pinned task only to its executor, before other tasks", async () => {
      await add();
      const pinned = await add({ conditions: { pin: "home" } });
      const [other] = await take(9);
      assert.ok(other && other.id !== pinned);
      await add({ class: "urgent" });
      const got = await one({ id: "home" });
      assert.equal(got.id, pinned);
      await world.queue.release(got.id, got.fence, "");
      assert.equal((await take(9, { id: "away" })).length, 1);
      await world.gates.pause(scopes.agent("alice"), { who: "a", why: "b" });
      assert.deepEqual(await take(9, { id: "home", boot: "2" }), []);
    });

    it("give it tasks pinned to it by class, past any number of tasks that may not start", async () => {
      const home = { conditions: { pin: "home" } };
      for (let i = 0; i < 60; i++) await add({ ...home, agent: "bob", class: i % 2 === 0 ? "low" : "normal" });
      await world.gates.pause(scopes.agent("bob"), { who: "a", why: "b" });
      const normal = await add(home);
      const urgent = await add({ ...home, class: "urgent" });
      assert.deepEqual(ids(await take(9, { id: "home" })), [urgent, normal]);
    });
  });

  describe("with broken data", () => {
    beforeEach(() => open());
    const keys = { tasks: queueKeys(0).tasks, prompts: queueKeys(0).prompts };

    it("skip an entry of the waiting line without a record", async () => {
      const gone = await add();
      const id = await add();
      await world.redis.client.hdel(keys.tasks, gone);
      assert.deepEqual(ids(await take()), [id]);
      await world.redis.client.del(queueKeys(0).load, queueKeys(0).owned);
      await complete((await world.store.find(id)) as never);
      await world.redis.client.flushall();
    });

    for (const pinned of [false, true]) {
      it(`end a ${pinned ? "pinned " : ""}task whose prompt was lost, and continue with the next`, async () => {
        const more = pinned ? { conditions: { pin: "home" } } : {};
        const lost = await add(more);
        const id = await add(more);
        await world.redis.client.hdel(keys.prompts, lost);
        assert.deepEqual(ids(await take(9, { id: "home" })), [id]);
        await tick();
        const task = await world.store.find(lost);
        assert.deepEqual([task?.state, task?.error?.message], ["FAILED", "its prompt was lost"]);
      });
    }
  });

  describe("changed by a person", () => {
    beforeEach(() => open());

    it("put a failed task back with its age, its history and new attempts", async () => {
      const id = await add({ max: 1 });
      await add();
      const leased = await one();
      await start(leased);
      assert.equal(await fail(leased), "FAILED");
      const { task } = await world.queue.retry(id, asAgent("alice"), "the network is back");
      assert.deepEqual([task.state, task.attempt, task.spent, task.ended], ["QUEUED", 1, 0, undefined]);
      await world.queue.retry(id, OPERATOR, "");
      const again = await one();
      assert.equal(again.id, id);
      await start(again);
      await complete(again);
      const states = (await logOf(world.store, id)).map(({ content }) => content.kind === "state" && content.state);
      assert.deepEqual(states, ["RUNNING", "FAILED", "QUEUED", "RUNNING", "SUCCEEDED"]);
      await assert.rejects(world.queue.retry(id, asAgent("alice"), ""), { reason: "TASK_NOT_FAILED" });
      await assert.rejects(world.queue.retry(id, asAgent("bob"), ""), { reason: "TASK_NOT_FOUND" });
    });

    it("change the class of a waiting or parked task, which keeps its age", async () => {
      const parked = await add({ class: "low" });
      await fail(await one(), "NETWORK_ERROR");
      const low = await add({ class: "low" });
      await add({ class: "high" });
      for (const id of [parked, low]) {
        const { task } = await world.queue.setPriority(id, asAgent("alice"), "urgent");
        assert.deepEqual([task.class, task.id], ["urgent", id]);
      }
      assert.equal((await logOf(world.store, low)).length, 1, "it is in the log once");
      world.clock.now += 60_000;
      await tick();
      assert.deepEqual(ids(await take(2)), [parked, low]);
      const { task } = await world.queue.setPriority(low, OPERATOR, "low");
      assert.deepEqual([task.state, task.class], ["LEASED", "urgent"]);
    });
  });
}

async function commandCalls({ redis }: World): Promise<number> {
  const stats = await (redis.client as { info(section: string): Promise<string> }).info("commandstats");
  return [...stats.matchAll(/calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}
