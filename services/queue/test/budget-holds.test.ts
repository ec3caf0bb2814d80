import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { SetBudgetHoldsRequest } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import { BlockerKind } from "@ccsp/protos/ccsp/task/v1/explanation.js";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { BudgetAction } from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import { createQuestions } from "../src/application/questions.js";
import { readHolds } from "../src/application/read-holds.js";
import { reap } from "../src/domain/due/reaper.js";
import { type BudgetHold, setBudgetHolds } from "../src/domain/gates/budget-holds.js";
import type { BudgetScope } from "../src/domain/gates/scope.js";
import { readStatus } from "../src/domain/status/status.js";
import { labelName } from "../src/domain/task/labels.js";
import { questionHandlers } from "../src/grpc/questions.js";
import { toStatusMessage } from "../src/messages/status-message.js";
import { createShards } from "../src/redis/shards.js";
import { scopes } from "./scopes.js";
import { ENGINES, executor, newTask, startWorld, type World } from "./world.js";

const HOUR_MS = 3_600_000;

for (const { twice, shards } of [
  { twice: false, shards: 1 },
  { twice: true, shards: 4 },
]) {
  describe(`a budget that is used up in ${shards} shards${twice ? ", each script sent twice" : ""}`, () => {
    let world: World;
    before(async () => void (world = await startWorld({ twice, shards })));
    after(() => world.close());
    beforeEach(() => world.reset());
    holds(() => world);
  });
}

function holds(get: () => World): void {
  const label = labelName("team", "blue");
  // With each character that could end a name in Redis.
  const model = labelName("anthropic/opus 4,5");
  const ALICE: BudgetScope = { kind: "agent", agent: "alice" };
  const HOLDERS: Readonly<Record<string, BudgetScope>> = {
    everybody: { kind: "all" },
    "its agent": ALICE,
    "its label": { kind: "label", label },
    "its model": { kind: "model", model },
    "its engine": { kind: "engine", engine: "claude-code" },
  };
  const hold = (of: BudgetScope, more: Partial<BudgetHold> = {}): BudgetHold => ({
    name: "b",
    of,
    action: "refuse",
    limit: "2 requests an hour",
    until: get().clock.now + HOUR_MS,
    ...more,
  });
  const set = (...all: BudgetHold[]) => setBudgetHolds(get().store, all);
  const add = async (task: Parameters<typeof newTask>[0] = {}) => {
    const world = get();
    world.clock.now++;
    return (await world.queue.enqueue(newTask({ labels: [label], model, ...task }, world.shards))).task.id;
  };
  const refused = (task: Parameters<typeof newTask>[0] = {}): Promise<Refusal> =>
    add(task).then(
      () => assert.fail("was accepted"),
      (error: unknown) => {
        assert.ok(error instanceof Refusal, String(error));
        assert.equal(error.reason, "BUDGET_EXHAUSTED");
        return error;
      },
    );
  let calls = 0;
  const take = async (offer: { account?: string; engine?: string } = {}) =>
    (await executor(get(), { id: `ex-${++calls}`, slots: 9, ...offer }).sync()).grants
      .map(({ task }) => task.id)
      .toSorted();
  const tick = () => reap(get(), { retentionMs: 1e12, maxEnded: 1e6, maxEndedBytes: 1e12 });
  const isPaused = async () => {
    const { store, order } = get();
    const status = toStatusMessage(await readStatus(store, order), { maxPromptBytes: 1, engines: ENGINES });
    return status.depths.find(({ engine, priority }) => engine === "claude-code" && priority === Priority.NORMAL)
      ?.paused;
  };
  const explain = async (taskId: string) => {
    const world = get();
    const conversations = { follow: async () => undefined };
    const limits = { maxPromptBytes: 1, engines: ENGINES };
    const { explainTask } = questionHandlers(
      createQuestions({ ...world, order: () => world.order, limits, conversations }),
    );
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the handler looks at no context
    return explainTask({ taskId, agentId: "" }, {} as Parameters<typeof explainTask>[1]);
  };

  for (const [whose, of] of Object.entries(HOLDERS)) {
    it(`of ${whose} refuses new tasks, starts no waiting one, and lets both through when its period ends, by the queue's own clock`, async () => {
      const waiting = await add();
      await set(hold(of));
      const { clock } = get();
      const { message, metadata, quota, retryAfterMs } = await refused();
      const end = new Date(clock.now + HOUR_MS - 1);
      assert.match(message, /budget b \(2 requests an hour\) is used up until/);
      assert.deepEqual(metadata, { budget: "b", period_end: end.toISOString() });
      assert.match(quota[0]?.subject ?? "", /^budget b of /);
      assert.equal(retryAfterMs, HOUR_MS - 1);
      assert.deepEqual(await take(), []);
      await tick();
      assert.deepEqual(await take(), []);

      clock.now += HOUR_MS;
      await tick();
      const next = await add();
      assert.deepEqual(await take(), [waiting, next].toSorted());
    });

    it(`of ${whose} that parks accepts new tasks, explains why they wait, and lets them start when its period ends`, async () => {
      const until = get().clock.now + HOUR_MS;
      await set(hold(of, { action: "park", until }));
      const id = await add();
      assert.deepEqual(await take(), []);
      const { blockers, earliestStartTime } = await explain(id);
      const [blocker] = blockers.filter(({ kind }) => kind === BlockerKind.BUDGET_EXHAUSTED);
      assert.match(blocker?.message ?? "", /budget b \(2 requests an hour\) is used up until/);
      assert.deepEqual([blocker?.until?.getTime(), earliestStartTime?.getTime()], [until, until]);
      get().clock.now = until;
      await tick();
      assert.ok(!(await explain(id)).blockers.some(({ kind }) => kind === BlockerKind.BUDGET_EXHAUSTED));
      assert.deepEqual(await take(), [id]);
      const { deferred = {} } = (await get().store.find(id)) ?? {};
      assert.deepEqual(
        Object.keys(deferred),
        of.kind === "label" || of.kind === "model" ? ["BUDGET_EXHAUSTED"] : [],
        "for its span",
      );
    });
  }

  for (const [whose, of] of Object.entries({
    ...HOLDERS,
    "its account": { kind: "account", engine: "claude-code", account: "team" } as const,
  })) {
    it(`of ${whose} names the runs under way that it holds in each Sync, until its period ends`, async () => {
      const [id, other] = [await add(), await add({ agent: "bob", labels: [], model: labelName("m") })];
      const ex = executor(get(), { id: "ex-held", slots: 9, account: "team" });
      await ex.sync();
      const heldBy = async () =>
        (await ex.sync()).runHolds.map(({ id: held, budgets }) => [held, ...budgets.map(({ name }) => name)].join(" "));
      await set(hold(of, { action: "park" }));
      assert.deepEqual(await heldBy(), [], "as a monitor of 0.3.0 says it, or for a budget in requests");
      await set(hold(of, { action: "park", holdsRuns: true }));
      const all = ["all", "engine", "account"].includes(of.kind) ? [id, other] : [id];
      assert.deepEqual((await heldBy()).toSorted(), all.map((each) => `${each} b`).toSorted());
      get().clock.now += HOUR_MS;
      assert.deepEqual(await heldBy(), []);
    });
  }

  it("holds no task of another agent or label, in a call for many tasks too", async () => {
    await set(hold(ALICE), hold({ kind: "label", label: labelName("team", "red") }, { name: "red" }));
    const { queue, shards } = get();
    const tasks = [
      newTask({ agent: "alice" }, shards),
      newTask({ agent: "bob", labels: [label] }, shards),
      newTask({ agent: "bob", labels: [labelName("a", "b"), labelName("team", "red")] }, shards),
    ];
    const outcomes = await queue.enqueueAll(tasks);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["rejected", "fulfilled", "rejected"],
    );
    assert.deepEqual(await take(), [tasks[1]?.id]);
  });

  it("of a model or an engine holds the tasks that ask for it, by exactly this name, and no others", async () => {
    const { queue, shards } = get();
    const ids = await Promise.all([add(), add({ model: labelName("opus") }), add({ engine: "opencode" })]);
    await set(hold({ kind: "model", model }), hold({ kind: "engine", engine: "opencode" }, { name: "o" }));
    const without = newTask({}, shards);
    const asked = [newTask({ model }, shards), newTask({ engine: "opencode" }, shards), without];
    const outcomes = await queue.enqueueAll(asked);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["rejected", "rejected", "fulfilled"],
    );
    assert.deepEqual(await take(), [ids[1], without.id].toSorted());
    assert.deepEqual(await take({ engine: "opencode" }), []);
    await tick();
    assert.equal((await get().store.find(ids[0]))?.blocked, `model/${model}`, "not looked at again while it is held");
    await set();
    await tick();
    assert.deepEqual([await take(), await take({ engine: "opencode" })], [[ids[0]], [ids[2]]]);
  });

  it("of an account keeps its executors from starting tasks, which another account starts, and ends by the clock", async () => {
    const { clock } = get();
    // Shorter than a lease.
    const until = clock.now + 5_000;
    await set(hold({ kind: "account", engine: "claude-code", account: "team" }, { action: "park", until }));
    const first = await add();
    assert.deepEqual(await take({ account: "team" }), []);
    const { blockers, earliestStartTime } = await explain(first);
    assert.deepEqual(
      blockers.map(({ kind, until: end }) => [kind, end?.getTime()]),
      [[BlockerKind.BUDGET_EXHAUSTED, until]],
    );
    assert.match(blockers[0]?.message ?? "", /^of the login team of claude-code: budget b /);
    assert.equal(earliestStartTime?.getTime(), until);
    assert.equal(await isPaused(), true, "no alert for the age of what the only login's budget holds");
    assert.deepEqual(await take({ account: "solo" }), [first]);
    assert.equal(await isPaused(), false);
    const second = await add();
    clock.now = until - 1;
    await tick();
    assert.deepEqual(await take({ account: "team" }), []);
    clock.now = until;
    await tick();
    assert.deepEqual(await take({ account: "team" }), [second]);
  });

  it("answers a repeated request whose task was accepted before", async () => {
    const request = { id: "r", hash: "h" };
    const id = await add({ request });
    await set(hold(ALICE));
    assert.equal(await add({ request }), id);
    await refused({ request: { id: "other", hash: "h" } });
  });

  it("and a person's pause of the same scope do not open or overwrite each other", async () => {
    const { gates } = get();
    const id = await add();
    await gates.pause(scopes.agent("alice"), { who: "ada", why: "maintenance" });
    await set(hold(ALICE, { action: "park" }));
    assert.equal(await gates.resume(scopes.agent("alice"), { who: "ada", why: "done" }), true);
    await tick();
    assert.deepEqual(await take(), []);
    await gates.pause(scopes.agent("alice"), { who: "ada", why: "maintenance" });
    await set();
    await tick();
    assert.deepEqual(await take(), []);
    await gates.resume(scopes.agent("alice"), { who: "ada", why: "done" });
    await tick();
    assert.deepEqual(await take(), [id]);
  });

  it("stays while it is in the set, changes with it, and ends when it has left the set", async () => {
    const waiting = await add();
    await set(hold(ALICE), hold(ALICE, { name: "c", action: "park", until: get().clock.now + 2 * HOUR_MS }));
    await set(hold(ALICE, { name: "c", action: "park" }));
    const parked = await add();
    assert.deepEqual(await take(), []);
    // The monitor repeats the set.
    const same = [hold(ALICE, { name: "c", action: "park" })];
    for (let i = 0; i < 2; i++) await set(...same);
    await tick();
    assert.deepEqual(await take(), []);
    await set();
    await tick();
    assert.deepEqual(await take(), [waiting, parked].toSorted());
  });

  it("with a shorter period than another budget of the holder refuses only until its own end", async () => {
    const { clock } = get();
    const shortMs = clock.now + HOUR_MS;
    await set(
      hold(ALICE, { name: "short", until: shortMs }),
      hold(ALICE, { action: "park", until: shortMs + HOUR_MS }),
    );
    assert.equal((await refused()).metadata["budget"], "short");
    clock.now = shortMs;
    const id = await add();
    assert.deepEqual(await take(), []);
    clock.now += HOUR_MS;
    await tick();
    assert.deepEqual(await take(), [id]);
  });

  it("holds in a shard that has missed the call, once the shards are compared", async () => {
    const world = get();
    const options = { engines: ENGINES, bounds: world.limits.bounds, retentionMs: 1e9, now: () => world.clock.now };
    // As if the call had reached the first shard only.
    const first = createShards(world.redis.client, 1, options);
    await setBudgetHolds(first, [hold({ kind: "all" })]);
    await tick();
    for (const agent of ["a", "b", "c", "d", "e", "f"]) await refused({ agent });
  });

  it("is remembered with the time at which it was set, also when nothing is used up", async () => {
    const { store, clock } = get();
    assert.equal(await store.holdsSetMs(), undefined);
    await set();
    assert.equal(await store.holdsSetMs(), clock.now);
  });
}

describe("a set of budgets that are used up", () => {
  it("is refused with the field that is wrong", () => {
    const good = {
      budget: "b",
      scope: { scope: { $case: "all", value: true } },
      limit: "1 request a day",
      endTime: new Date(),
    } as const;
    const fieldsOf = (holds: readonly object[], laterHolds: readonly object[] = []): readonly string[] => {
      try {
        readHolds(SetBudgetHoldsRequest.fromPartial({ holds: [...holds], laterHolds: [...laterHolds] }));
      } catch (error) {
        assert.ok(error instanceof Refusal);
        return error.fields.map(({ field }) => field);
      }
      return [];
    };
    assert.deepEqual(fieldsOf([good]), []);
    assert.deepEqual(fieldsOf([{ ...good, budget: "a b" }]), ["holds[0].budget"]);
    assert.deepEqual(fieldsOf([good, { ...good, limit: "", endTime: undefined }]), [
      "holds[1].limit",
      "holds[1].end_time",
    ]);
    assert.deepEqual(fieldsOf([{ ...good, scope: { scope: { $case: "priority", value: 1 } } }]), ["holds[0].scope"]);
    const account = { scope: { $case: "account", value: { engine: "e", account: "team" } } } as const;
    assert.deepEqual(fieldsOf([], [{ ...good, scope: account, action: BudgetAction.PARK }]), []);
    assert.deepEqual(fieldsOf([], [{ ...good, scope: account }]), ["later_holds[0].action"]);
    for (const $case of ["model", "engine"] as const)
      assert.match(
        fieldsOf([], [{ ...good, scope: { scope: { $case, value: "" } } }]).join(),
        /^later_holds\[0\]\.scope/,
      );
    for (const value of ["", "a/b", "a b", "a".repeat(129)]) {
      assert.deepEqual(fieldsOf([{ ...good, scope: { scope: { $case: "agentId", value } } }]), [
        "holds[0].scope.agent_id",
      ]);
    }
    assert.deepEqual(fieldsOf([{ ...good, scope: { scope: { $case: "agentId", value: "a.b@c" } } }]), []);
    assert.deepEqual(fieldsOf([{ ...good, action: 99 }]), ["holds[0].action"]);
    // What a timestamp beyond all dates is decoded as.
    assert.deepEqual(fieldsOf([{ ...good, endTime: new Date(Number.NaN) }]), ["holds[0].end_time"]);
    assert.deepEqual(fieldsOf(Array.from({ length: 1_001 }, () => good)), ["holds"]);
  });
});
