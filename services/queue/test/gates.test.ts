import assert from "node:assert/strict";
import { decodeEvent } from "@ccsp/events";
import { reap } from "../src/domain/due/reaper.js";
import type { Scope } from "../src/domain/gates/scope.js";
import { asAgent } from "../src/domain/task/caller.js";
import { labelName } from "../src/domain/task/labels.js";
import { queueKeys } from "../src/redis/keys.js";
import { scopes } from "./scopes.js";
import { executor, newTask, RAMP_MS, startWorld, type World } from "./world.js";

for (const { twice, shards } of [
  { twice: false, shards: 1 },
  { twice: true, shards: 1 },
  { twice: false, shards: 4 },
]) {
  describe(`a gate in ${shards} shards${twice ? ", each script sent twice" : ""}`, () => {
    let world: World;
    before(async () => void (world = await startWorld({ twice, shards })));
    after(() => world.close());
    beforeEach(() => world.reset());
    gates(() => world);
  });
}

function gates(get: () => World): void {
  const add = async (task: Parameters<typeof newTask>[0] = {}) => {
    const world = get();
    world.clock.now++;
    return (await world.queue.enqueue(newTask(task, world.shards))).task.id;
  };
  let calls = 0;
  const take = async (slots = 9, more: Parameters<typeof executor>[1] = {}) =>
    (await executor(get(), { id: `ex-${++calls}`, slots, ...more }).sync()).grants.map(({ task }) => task.id);
  const pause = (scope: Scope, more: { opensMs?: number } = {}) =>
    get().gates.pause(scope, { who: "ada", why: "maintenance", ...more });
  const resume = (scope: Scope) => get().gates.resume(scope, { who: "ada", why: "done" });
  const tick = () => reap(get(), { retentionMs: 1e12, maxEnded: 1e6, maxEndedBytes: 1e12 });
  const told = async () => {
    const entries = await get().redis.client.xrange(queueKeys(0).events, "-", "+");
    const data = entries.map(([id, fields]) => decodeEvent(0, id, fields)?.data);
    return data.filter((each) => each?.$case.startsWith("gate") || each?.$case === "sessionTimeout");
  };

  const label = labelName("repo", "a/b=c");
  const SCOPES = {
    everything: scopes.all,
    "its class": scopes.class("normal"),
    "its engine": scopes.engine("claude-code"),
    "its agent": scopes.agent("alice"),
    "its label": scopes.label("repo", "a/b=c"),
    "its account": scopes.account("claude-code", "team"),
  };
  for (const [whose, scope] of Object.entries(SCOPES)) {
    it(`blocks a task while the gate of ${whose} is closed, and lets it start once it is open`, async () => {
      await pause(scope);
      const id = await add({ labels: [label] });
      assert.deepEqual(await take(9, { account: "team" }), []);
      assert.equal(await resume(scope), true);
      await tick();
      assert.deepEqual(await take(9, { account: "team" }), [id]);
    });
  }

  it("blocks no other task", async () => {
    const others = [
      scopes.class("high"),
      scopes.engine("opencode"),
      scopes.agent("bob"),
      scopes.label("repo", "other"),
      scopes.account("claude-code", "other"),
      scopes.executor("other", "claude-code"),
    ];
    for (const scope of others) await pause(scope);
    const id = await add({ labels: [label] });
    assert.deepEqual(await take(9, { account: "team" }), [id]);
  });

  it("of one agent gives the turn to the next, and its tasks keep their age", async () => {
    await pause(scopes.agent("alice"));
    const first = await add();
    const other = await add({ agent: "bob" });
    const second = await add();
    assert.deepEqual(await take(), [other]);
    assert.deepEqual(await take(), []);
    await resume(scopes.agent("alice"));
    assert.deepEqual(await take(), [first, second]);
  });

  // `constructor` is the name of a property that every object of JavaScript has.
  for (const [key, value] of [["repo", "a/b=c"] as const, ["constructor", "x"] as const]) {
    it(`of a label of ${key} lets other tasks pass, and releases its blocked tasks oldest first`, async () => {
      const labels = [labelName(key, value)];
      await pause(scopes.label(key, value));
      const kept = [await add({ labels }), await add({ labels })];
      const free = await add();
      assert.deepEqual(await take(), [free]);
      await resume(scopes.label(key, value));
      await tick();
      assert.deepEqual(await take(), kept);
      const { deferred = {} } = (await get().store.find(kept[0] ?? "")) ?? {};
      assert.deepEqual(Object.keys(deferred), ["GATE"], "for the span of its wait");
    });
  }

  it("allows a blocked task to be cancelled", async () => {
    await pause(scopes.label("repo", "a/b=c"));
    const id = await add({ labels: [label] });
    await take();
    await get().queue.cancel(id, asAgent("alice"), "");
    assert.deepEqual((await get().store.counts()).ended, 1);
    await resume(scopes.label("repo", "a/b=c"));
    await tick();
    assert.deepEqual(await take(), []);
  });

  it("opens by itself at its time, gradually: one task at once, twice as many with each sixth of the ramp, then all", async () => {
    const world = get();
    await pause(scopes.all, { opensMs: world.clock.now + 3_600_000 });
    for (let i = 0; i < 90; i++) await add();
    world.clock.now += 3_600_000 - 91;
    assert.equal((await take(90)).length, 0);
    world.clock.now += 1;
    const started = [];
    for (let step = 0; step <= 6; step++) {
      const { grants } = await executor(world, { id: `ex-${++calls}`, slots: 90 }).sync();
      for (const { task, fence } of grants) await world.queue.complete(task.id, fence, Buffer.from(""), {});
      started.push(grants.length);
      world.clock.now += RAMP_MS / 6;
      await tick();
    }
    assert.deepEqual(started, [1, 1, 2, 4, 8, 16, 58]);
    assert.equal((await world.store.gates()).size, 0);
  });

  it("tells a waiting executor how long until the next start", async () => {
    const world = get();
    await add();
    await pause(scopes.all, { opensMs: world.clock.now + 1_234 });
    const { request } = executor(world);
    const mark = request();
    await world.store.sync({ ...mark, leaseMs: 1_000, again: false });
    const claim = { ...mark, engine: "claude-code", account: "", count: 1, leaseMs: 1_000, maxBytes: 1_000 };
    assert.deepEqual(await world.store.claim({ ...claim, order: world.order, early: false }), {
      grants: [],
      left: 0,
      pins: false,
      waitMs: 1_234,
    });
  });

  it("opens on the ramp that the call names, also when a person had closed it for an open time", async () => {
    const world = get();
    const scope = scopes.account("claude-code", "");
    await pause(scope);
    assert.equal(await world.gates.resume(scope, { who: "ada", why: "done" }, 60_000), true);
    const opened = world.clock.now;
    const gate = (await world.store.gates()).get("account/claude-code/");
    assert.deepEqual([gate?.opens, gate?.ramp], [opened, 60_000]);
    assert.equal(await world.gates.resume(scope, { who: "ada", why: "again" }, 1_000), false, "it is open");
    assert.equal((await world.store.gates()).get("account/claude-code/")?.ramp, 60_000);
  });

  it("records who closed it, why and until when, and notifies other services once", async () => {
    const world = get();
    const opensMs = world.clock.now + 60_000;
    await pause(scopes.engine("claude-code"), { opensMs });
    const closed = world.clock.now;
    world.clock.now += 5;
    await pause(scopes.engine("claude-code"), { opensMs });
    const gate = (await world.store.gates()).get("engine/claude-code");
    assert.deepEqual(gate, { who: "ada", why: "maintenance", opens: opensMs, ramp: RAMP_MS, closed });
    assert.equal(await resume(scopes.engine("claude-code")), true);
    assert.equal(await resume(scopes.engine("claude-code")), false);
    assert.deepEqual(
      (await told()).map((data) => data?.$case),
      ["gateClosed", "gateOpened"],
    );
  });
}

describe("a gate that the repair of a shard opens", () => {
  let world: World;
  before(async () => void (world = await startWorld()));
  after(() => world.close());

  it("is the gate that was read, not one that was closed again since", async () => {
    const gate = { who: "ada", why: "maintenance" };
    const { closed } = await world.store.closeGate({ scope: scopes.all, gate, how: "replace", announced: false });
    assert.equal(await world.store.openGate(scopes.all, { closedMs: closed - 1 }), false);
    assert.equal((await world.store.gates()).get("all")?.opens, undefined);
    assert.equal(await world.store.openGate(scopes.all, { closedMs: closed }), true);
  });
});
