import assert from "node:assert/strict";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { status as grpc } from "@grpc/grpc-js";
import { reap } from "../src/domain/due/reaper.js";
import { readStatus } from "../src/domain/status/status.js";
import { asAgent } from "../src/domain/task/caller.js";
import { labelName } from "../src/domain/task/labels.js";
import { toStatusMessage } from "../src/messages/status-message.js";
import { refused, serveReplica } from "./grpc-world.js";
import { scopes } from "./scopes.js";
import { ENGINES, executor, failure, newTask, startWorld, type World } from "./world.js";

for (const shards of [1, 4]) {
  describe(`the status of ${shards} shards`, () => {
    let world: World;
    before(async () => void (world = await startWorld({ shards, order: { labelMaxRunning: { repo: 1 } } })));
    after(() => world.close());
    beforeEach(() => world.reset());

    const add = async (task: Parameters<typeof newTask>[0] = {}) => {
      world.clock.now++;
      return (await world.queue.enqueue(newTask(task, shards))).task;
    };
    const status = async () =>
      toStatusMessage(await readStatus(world.store, world.order), { maxPromptBytes: 1, engines: ENGINES });
    const depth = async (engine: string, priority: Priority) =>
      (await status()).depths.find((each) => each.engine === engine && each.priority === priority);

    it("counts every task once, in its engine and class and for its agent, wherever it waits", async () => {
      const repo = [labelName("repo", "a")];
      const start = world.clock.now + 3_600_000;
      await add({ agent: "bob", class: "high", labels: repo });
      await add({ agent: "bob", class: "high", labels: repo });
      const ex = executor(world, { slots: 9 });
      assert.equal((await ex.sync()).grants.length, 1, "the label blocks the second task");
      const parked = await add({ agent: "carol" });
      const [grant] = (await ex.sync()).grants;
      assert.equal(grant?.task.id, parked.id);
      await world.queue.fail(parked.id, grant.fence, failure(), {});
      await add({ agent: "carol", start });
      await add({ agent: "dave", conditions: { pin: "ex-9" } });
      await add({ agent: "erin", engine: "opencode" });
      world.clock.now += 500;

      const high = await depth("claude-code", Priority.HIGH);
      assert.deepEqual([high?.running, high?.waiting, high?.parked], [1n, 1n, 0n]);
      assert.equal(high?.oldestAge?.nanos, 504_000_000, "the task that a label blocks is the oldest");
      const normal = await depth("claude-code", Priority.NORMAL);
      assert.deepEqual([normal?.running, normal?.waiting, normal?.parked], [0n, 1n, 2n]);
      const { agents, ...all } = await status();
      assert.deepEqual([all.leased, all.waiting, all.parked, all.scheduled], [1n, 3n, 1n, 1n]);
      assert.deepEqual(
        agents.map(({ agentId, waiting, running }) => [agentId, waiting, running]),
        [
          ["bob", 1n, 1n],
          ["carol", 2n, 0n],
          ["dave", 1n, 0n],
          ["erin", 1n, 0n],
        ],
      );
    });

    it("shows each pause: an engine, a class, an agent or all, until the gate opens", async () => {
      await add({ agent: "bob" });
      const paused = async () => {
        const { depths, agents } = await status();
        return [depths.filter((each) => each.paused).length, agents.filter((each) => each.paused).length];
      };
      const cases = [
        { scope: scopes.all, found: [8, 0] },
        { scope: scopes.engine("opencode"), found: [4, 0] },
        { scope: scopes.class("low"), found: [2, 0] },
        { scope: scopes.agent("bob"), found: [0, 1] },
      ];
      for (const { scope, found } of cases) {
        await world.gates.pause(scope, { who: "ada", why: "w", opensMs: world.clock.now + 10 });
        assert.deepEqual(await paused(), found, scope.kind);
        world.clock.now += 10;
        assert.deepEqual(await paused(), [0, 0], `${scope.kind} has opened`);
        await world.gates.resume(scope, { who: "ada", why: "" });
      }
    });

    it("names the 100 agents with most tasks, and executors with all their slots, free or not", async () => {
      for (let i = 0; i < 110; i++) await add({ agent: `agent-${i}` });
      await add({ agent: "agent-105" });
      await executor(world, { slots: 3, account: "team" }).sync();
      const { agents, executors } = await status();
      assert.equal(agents.length, 100);
      assert.equal(agents[0]?.agentId, "agent-105");
      const offer = { engine: "claude-code", account: "team", freeSlots: 3, slots: 3, version: "1.0" };
      assert.deepEqual(
        executors.map(({ leases, engines }) => ({ leases, engines })),
        [{ leases: 3, engines: [offer] }],
      );
    });

    it("notes once a minute what runs, waits and waits for a time, however many tasks and however old", async () => {
      world.clock.now = 1_760_000_040_000;
      const round = () => reap(world, { retentionMs: 1e12, maxEnded: 1e6, maxEndedBytes: 1e12 });
      const history = async (count: number) =>
        (await world.store.history(count)).map(({ minute, running, waiting, parked }) => [
          minute - 29_333_334,
          running,
          waiting,
          parked,
        ]);
      const { id } = await add({ agent: "carol" });
      const ex = executor(world, { slots: 1 });
      const [grant] = (await ex.sync()).grants;
      assert.equal(grant?.task.id, id);
      await add({ agent: "bob" });
      await round();
      await add({ agent: "dave" });
      await round();
      assert.deepEqual(await history(60), [[0, 1, 1, 0]], "the first look at a minute counts");

      await world.queue.fail(id, grant.fence, failure(), {});
      world.clock.now = 1_760_000_040_500;
      ex.held.clear();
      await world.queue.enqueue(newTask({ agent: "erin", start: world.clock.now + 3 * 3_600_000 }, shards));
      world.clock.now = 1_760_000_160_000 - 59_000;
      await world.store.noteMinute();
      assert.deepEqual(
        await history(60),
        [
          [0, 1, 1, 0],
          [1, 0, 2, 2],
        ],
        "a task that waits for its retry does not run",
      );

      world.clock.now += 2 * 3_600_000;
      await world.store.noteMinute();
      assert.deepEqual(await history(60), [[121, 0, 2, 2]], "nobody looked in between");
      assert.equal((await history(1_440)).length, 3);
      for (const key of await world.keys())
        if (key.endsWith(":minutes")) assert.ok((await world.redis.client.ttl(key)) > 0, `${key} never expires`);
    });

    it("keeps the minutes of a day, and no more", async () => {
      for (let minute = 0; minute < 1_450; minute++) {
        world.clock.now += 60_000;
        await world.store.noteMinute();
      }
      const kept = await world.store.history(1_440);
      assert.equal(kept.length, 1_440);
      assert.equal(kept.at(-1)?.minute, Math.floor(world.clock.now / 60_000));
      for (const key of await world.keys())
        if (key.endsWith(":minutes")) assert.equal(await world.redis.client.llen(key), 1_440);
    });

    it("does not count ended tasks", async () => {
      const { id, agent } = await add();
      await world.queue.cancel(id, asAgent(agent), "");
      await reap(world, { retentionMs: 1e12, maxEnded: 1e6, maxEndedBytes: 1e12 });
      const { depths, agents, ended } = await status();
      assert.deepEqual([depths.some(({ waiting, parked }) => waiting + parked > 0n), agents, ended], [false, [], 1n]);
    });
  });
}

for (const shards of [1, 4]) {
  describe(`the caps in the status of ${shards} shards`, () => {
    let world: World;
    before(async () => {
      world = await startWorld({ shards, order: { agentMaxRunning: 2, labelMaxRunning: { repo: 1 } } });
    });
    after(() => world.close());
    beforeEach(() => world.reset());

    it("name what is reached and holds tasks, that of the most tasks first, but not what a closed gate holds", async () => {
      const label = labelName("repo", "a");
      for (let i = 0; i < 6; i++) await world.queue.enqueue(newTask({ agent: "alice" }, shards));
      for (let i = 0; i < 4; i++) await world.queue.enqueue(newTask({ agent: "bob", labels: [label] }, shards));
      for (let i = 0; i < 2; i++) await world.queue.enqueue(newTask({ agent: "carol" }, shards));
      assert.equal((await executor(world, { slots: 20 }).sync()).grants.length, 2 + 1 + 2);
      const caps = async () => {
        const status = toStatusMessage(await readStatus(world.store, world.order), {
          maxPromptBytes: 1,
          engines: ENGINES,
        });
        return status.caps.map(({ scope, running, waiting }) => [scope?.scope?.value, running, waiting]);
      };
      assert.deepEqual(await caps(), [
        ["alice", 2n, 4n],
        ["repo=a", 1n, 3n],
      ]);
      await world.gates.pause(scopes.agent("alice"), { who: "ada", why: "w" });
      assert.deepEqual(await caps(), [["repo=a", 1n, 3n]]);
    });
  });
}

describe("GetQueueHistory", () => {
  let world: World;
  before(async () => void (world = await startWorld()));
  after(() => world.close());

  it("answers the last hour by itself, and refuses more than a day", async () => {
    const replica = await serveReplica(world);
    try {
      await world.store.noteMinute();
      world.clock.now += 3_600_000;
      await world.store.noteMinute();
      const times = async (minutes: number) =>
        (await replica.client.getQueueHistory({ minutes })).minutes.map(({ time }) => time?.getTime());
      const now = Math.floor(world.clock.now / 60_000) * 60_000;
      assert.deepEqual(await times(0), [now]);
      assert.deepEqual(await times(61), [now - 3_600_000, now]);
      for (const minutes of [-1, 1_441]) await refused(times(minutes), grpc.INVALID_ARGUMENT, "INVALID_FIELD");
    } finally {
      await replica.close();
    }
  });
});
