import assert from "node:assert/strict";
import type { ExplainTaskResponse } from "@ccsp/protos/ccsp/queue/v1/explanation.js";
import { BlockerKind } from "@ccsp/protos/ccsp/task/v1/explanation.js";
import { createQuestions } from "../src/application/questions.js";
import { reap } from "../src/domain/due/reaper.js";
import type { Scope } from "../src/domain/gates/scope.js";
import { labelName } from "../src/domain/task/labels.js";
import { questionHandlers } from "../src/grpc/questions.js";
import { scopes } from "./scopes.js";
import { ENGINES, executor, failure, newTask, startWorld, type World, type WorldOptions } from "./world.js";

for (const shards of [1, 4]) describe(`ExplainTask in ${shards} shards`, () => explain(shards));

/** Each case causes one blocker and checks that it is named. Then it removes the blocker and checks that it is gone. */
function explain(shards: number): void {
  let world: World;
  const open = async (order: WorldOptions["order"] = {}) => void (world = await startWorld({ shards, order }));
  afterEach(() => world.close());

  const add = async (task: Parameters<typeof newTask>[0] = {}) => {
    world.clock.now++;
    return (await world.queue.enqueue(newTask(task, shards))).task.id;
  };
  const ask = async (taskId: string): Promise<ExplainTaskResponse> => {
    const conversations = { follow: async () => undefined };
    const limits = { maxPromptBytes: 1, engines: ENGINES };
    const { explainTask } = questionHandlers(
      createQuestions({ ...world, order: () => world.order, limits, conversations }),
    );
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the handler looks at no context
    return explainTask({ taskId, agentId: "" }, {} as Parameters<typeof explainTask>[1]);
  };
  const kinds = async (id: string) => (await ask(id)).blockers.map(({ kind }) => BlockerKind[kind]);
  const only = async (id: string) => {
    const { blockers, ...answer } = await ask(id);
    const [blocker, ...others] = blockers;
    assert.ok(blocker && others.length === 0, JSON.stringify(blockers));
    return { ...answer, ...blocker, until: blocker.until?.getTime() };
  };
  const free = (slots = 9, more: Parameters<typeof executor>[1] = {}) => {
    const ex = executor(world, { slots, ...more });
    // The executor is present with its slots, and takes nothing yet.
    return { ...ex, look: () => ex.sync({ freeSlots: 0 }) };
  };
  const tick = () => reap(world, { retentionMs: 1e12, maxEnded: 1e6, maxEndedBytes: 1e12 });
  const pause = (scope: Scope, more: { opensMs?: number } = {}) =>
    world.gates.pause(scope, { who: "ada", why: "maintenance", ...more });
  const resume = (scope: Scope) => world.gates.resume(scope, { who: "ada", why: "done" });

  describe("without limits", () => {
    beforeEach(() => open());

    const label = labelName("repo", "a/b=c");
    const SCOPES = {
      everything: scopes.all,
      "engine claude-code": scopes.engine("claude-code"),
      "the login team of claude-code": scopes.account("claude-code", "team"),
      "claude-code at executor ex-1": scopes.executor("ex-1", "claude-code"),
      "class normal": scopes.class("normal"),
      "agent alice": scopes.agent("alice"),
      "label repo=a/b=c": scopes.label("repo", "a/b=c"),
    };
    for (const [whose, scope] of Object.entries(SCOPES)) {
      it(`names the closed gate of ${whose}, with who, why and until when, and not once it is open`, async () => {
        await free(9, { account: "team" }).look();
        const id = await add({ labels: [label] });
        assert.deepEqual(await kinds(id), []);
        await pause(scope, { opensMs: world.clock.now + 60_000 });
        const { kind, message, until, earliestStartTime } = await only(id);
        assert.deepEqual([kind, message], [BlockerKind.GATE, `${whose} is paused, by ada: maintenance`]);
        assert.deepEqual([until, earliestStartTime?.getTime()], [world.clock.now + 60_000, world.clock.now + 60_000]);
        await resume(scope);
        await tick();
        assert.deepEqual(await kinds(id), []);
      });
    }

    it("names an emergency stop that lets nothing start, and not one that only refuses new tasks", async () => {
      await free().look();
      const id = await add();
      const raise = (level: "no-submit" | "no-start") =>
        world.store.raiseEmergency({ id: level, level, who: "ada", why: "fire" }, "raise");
      await raise("no-submit");
      assert.deepEqual(await kinds(id), []);
      await raise("no-start");
      assert.deepEqual((await only(id)).message, "an emergency stop is in force, by ada: fire");
      await world.gates.resume(scopes.emergency, { who: "ada", why: "out" });
      assert.deepEqual(await kinds(id), []);
    });

    it("names every closed gate, the widest first, and no start time while one has no end", async () => {
      await free(9, { account: "team" }).look();
      const id = await add({ labels: [label] });
      for (const scope of Object.values(SCOPES).toReversed()) await pause(scope);
      const { blockers, earliestStartTime } = await ask(id);
      const { blockers: logins } = { blockers: blockers[2]?.message.split("; ") };
      assert.deepEqual(
        [...blockers.slice(0, 2), ...blockers.slice(3)].map(({ message }) => message.replace(/ is paused.*/, "")),
        ["everything", "engine claude-code", "class normal", "agent alice", "label repo=a/b=c"],
      );
      assert.equal(logins?.length, 2, "there is one login and one executor: each gate blocks the only executor");
      assert.equal(earliestStartTime, undefined);
    });

    it("names no gate of a login while another login can run the task", async () => {
      await free(1, { id: "ex-1", account: "team" }).look();
      await free(1, { id: "ex-2", account: "mine" }).look();
      const id = await add();
      await pause(scopes.account("claude-code", "team"));
      assert.deepEqual(await kinds(id), []);
      await pause(scopes.account("claude-code", "mine"), { opensMs: world.clock.now + 5 });
      const { message, until } = await only(id);
      assert.match(message, /team.*; .*mine/);
      assert.equal(until, world.clock.now + 5, "the first login that opens lets it start");
    });

    it("names a gate that has opened but whose ramp does not let the task start yet", async () => {
      const ids = [await add(), await add()];
      const ex = free();
      await pause(scopes.all, { opensMs: world.clock.now + 1_000 });
      world.clock.now += 1_000;
      const [grant] = (await ex.sync()).grants;
      assert.equal(grant?.task.id, ids[0]);
      const { kind, message, until } = await only(ids[1] ?? "");
      assert.deepEqual([kind, message], [BlockerKind.GATE, "everything was paused and resumes gradually"]);
      assert.equal(until, world.clock.now + 10_000);
      world.clock.now += 10_000;
      assert.deepEqual(await kinds(ids[1] ?? ""), []);
      assert.equal((await ex.sync()).grants[0]?.task.id, ids[1], "the task starts as explained");
    });

    it("names a start time in the future", async () => {
      await free().look();
      const start = world.clock.now + 20_000;
      const id = await add({ start });
      const { kind, until, earliestStartTime } = await only(id);
      assert.deepEqual([kind, until, earliestStartTime?.getTime()], [BlockerKind.START_TIME, start, start]);
      world.clock.now = start;
      await tick();
      assert.deepEqual(await kinds(id), []);
    });

    it("names a parking after a failure, and the failure", async () => {
      const ex = free();
      const id = await add();
      const [grant] = (await ex.sync()).grants;
      await world.queue.fail(id, grant?.fence ?? 0, failure("NETWORK_ERROR"), {});
      ex.held.clear();
      await ex.look();
      const { kind, message, until } = await only(id);
      assert.deepEqual([kind, until], [BlockerKind.PARKED, world.clock.now + 1_000]);
      assert.match(message, /NETWORK_ERROR/);
      world.clock.now += 1_000;
      await tick();
      assert.deepEqual(await kinds(id), []);
    });

    it("names that no executor offers the engine, and that the earlier ones are draining or silent", async () => {
      const id = await add();
      const message = async () => (await only(id)).message;
      assert.equal(await message(), "no executor offers claude-code");
      await free(1, { engine: "opencode" }).look();
      assert.equal(await message(), "no executor offers claude-code");
      const ex = free(1, { id: "ex-2" });
      await ex.look();
      assert.deepEqual(await kinds(id), []);
      await ex.sync({ draining: true });
      assert.equal((await only(id)).kind, BlockerKind.NO_EXECUTOR);
      assert.match(await message(), /draining/);
      await ex.look();
      world.clock.now += 31_000;
      assert.equal(await message(), "no executor offers claude-code");
    });

    it("names the executor that the task waits for: while it is missing, while it is full; and until when", async () => {
      await free(1, { id: "ex-1" }).look();
      const id = await add({ conditions: { pin: "ex-2", pinMs: 60_000 } });
      const fallback = world.clock.now + 60_000;
      const first = await only(id);
      assert.deepEqual([first.kind, first.until], [BlockerKind.AFFINITY, fallback]);
      assert.equal(first.message, "it waits for executor ex-2, which does not offer claude-code now");
      const ex = free(1, { id: "ex-2" });
      const other = await add({ conditions: { pin: "ex-2" } });
      await ex.look();
      assert.deepEqual([await kinds(id), await kinds(other)], [[], []]);
      assert.equal((await ex.sync()).grants.length, 1);
      const [waits] = (await Promise.all([id, other].map(ask))).filter(({ blockers }) => blockers.length > 0);
      assert.match(waits?.blockers[0]?.message ?? "", /ex-2, which has no free slot/);
      world.clock.now = fallback;
      await executor(world, { id: "ex-1" }).sync({ freeSlots: 0, sequence: 99n });
      await tick();
      assert.ok(!(await kinds(id)).includes("AFFINITY"));
    });

    it("names that all slots are taken, until one is free", async () => {
      const ids = [await add(), await add(), await add({ agent: "bob" })];
      const ex = free(3);
      const { grants } = await ex.sync();
      assert.equal(grants.length, 3);
      const id = await add();
      const { kind, message, aheadInClass } = await only(id);
      assert.deepEqual([kind, message], [BlockerKind.NO_SLOT, "all 3 slots for claude-code are taken"]);
      assert.deepEqual(aheadInClass, 0n);
      await world.queue.complete(
        ids[0] ?? "",
        grants.find(({ task }) => task.id === ids[0])?.fence ?? 0,
        Buffer.of(),
        {},
      );
      assert.deepEqual(await kinds(id), []);
    });

    it("names that other tasks have their turn before it, and counts the older ones", async () => {
      const ex = free(2);
      await ex.look();
      await add();
      await add({ agent: "bob" });
      await add();
      const id = await add();
      const { kind, message, aheadInClass, aheadOfAgent } = await only(id);
      assert.equal(kind, BlockerKind.TURN);
      assert.match(message, /tasks have their turn before it, 2 of them its own agent's/);
      assert.deepEqual([aheadInClass, aheadOfAgent], [3n, 2n]);
      for (const { task, fence } of (await ex.sync()).grants)
        await world.queue.complete(task.id, fence, Buffer.of(), {});
      assert.deepEqual(await kinds(id), []);
    });

    it("is empty for a task that is held or has ended", async () => {
      const id = await add();
      const [grant] = (await free().sync()).grants;
      assert.deepEqual((await ask(id)).blockers, []);
      assert.equal((await ask(id)).aheadInClass, undefined);
      await world.queue.complete(id, grant?.fence ?? 0, Buffer.of(), {});
      assert.deepEqual((await ask(id)).blockers, []);
      await assert.rejects(ask("0-none"), { reason: "TASK_NOT_FOUND" });
    });
  });

  it("names the cap of its agent, until one of its runs has ended", async () => {
    await open({ agentMaxRunning: 1 });
    const first = await add();
    const id = await add();
    const ex = free();
    const [grant] = (await ex.sync()).grants;
    assert.equal(grant?.task.id, first);
    const { kind, message } = await only(id);
    assert.deepEqual([kind, message], [BlockerKind.CAP, "1 tasks of agent alice run, of at most 1 at once"]);
    await world.queue.complete(first, grant?.fence ?? 0, Buffer.of(), {});
    assert.deepEqual(await kinds(id), []);
  });

  it("names the cap of its label, until one of its runs has ended", async () => {
    await open({ labelMaxRunning: { repo: 1 } });
    const labels = [labelName("repo", "a")];
    const first = await add({ labels });
    const id = await add({ labels });
    const ex = free();
    const [grant] = (await ex.sync()).grants;
    const { kind, message } = await only(id);
    assert.deepEqual([kind, message], [BlockerKind.CAP, "1 tasks of label repo=a run, of at most 1 at once"]);
    await world.queue.complete(first, grant?.fence ?? 0, Buffer.of(), {});
    assert.deepEqual(await kinds(id), []);
  });

  it("names the limit of a login whose provider was overloaded", async () => {
    await open();
    const first = await add();
    const id = await add();
    const ex = free(9);
    const { grants } = await ex.sync();
    assert.equal(grants.length, 2);
    await world.queue.fail(first, grants.find(({ task }) => task.id === first)?.fence ?? 0, failure("OVERLOADED"), {});
    const third = await add();
    const { kind, message } = await only(third);
    assert.equal(kind, BlockerKind.CAP);
    assert.equal(
      message,
      "1 tasks of the login of claude-code, whose provider was overloaded, run, of at most 1 at once",
    );
    await world.queue.complete(id, grants.find(({ task }) => task.id === id)?.fence ?? 0, Buffer.of(), {});
    assert.deepEqual(await kinds(third), []);
  });

  for (const whose of ["engine", "agent"] as const) {
    it(`names the rate limit of its ${whose}, and when that has refilled`, async () => {
      // A shard of the service has only its share of an engine's rate. The world gives each shard the whole, so the
      // number is the same here.
      await open(whose === "engine" ? { engineRates: { "*": [2, 0] } } : { agentRates: { alice: [2, 0] } });
      const ex = free();
      for (let i = 0; i < 2; i++) await add();
      assert.equal((await ex.sync()).grants.length, 2);
      const id = await add();
      const { kind, message, until } = await only(id);
      const name = whose === "engine" ? "claude-code" : "alice";
      assert.deepEqual([kind, message], [BlockerKind.RATE, `the rate limit of ${whose} ${name} is used up`]);
      assert.ok(until !== undefined && until > world.clock.now && until <= world.clock.now + 30_000, String(until));
      assert.deepEqual((await ex.sync()).grants, []);
      world.clock.now = until;
      await ex.look();
      assert.deepEqual(await kinds(id), []);
      await tick();
      assert.equal((await ex.sync()).grants[0]?.task.id, id, "the task starts as explained");
    });
  }

  it("names the limit on urgent tasks that overtake, when other tasks have their turn first because of it", async () => {
    await open({ urgentMax: 1 });
    const ex = free(1);
    const first = await add({ class: "urgent" });
    const [grant] = (await ex.sync()).grants;
    for (let i = 0; i < 4; i++) await add({ class: "high", agent: "alice" });
    for (let i = 0; i < 4; i++) await add({ class: "urgent" });
    const id = await add({ class: "urgent" });
    assert.deepEqual(await kinds(id), ["CAP", "NO_SLOT", "TURN"]);
    await world.queue.complete(first, grant?.fence ?? 0, Buffer.of(), {});
    assert.deepEqual(await kinds(id), ["TURN"]);
  });
}
