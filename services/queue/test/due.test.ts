import assert from "node:assert/strict";
import type { NextDue } from "../src/domain/due/due-store.js";
import { reapDue } from "../src/domain/due/reaper.js";
import { DUE_TOPIC } from "../src/domain/wakes/wakes.js";
import { channels } from "../src/redis/keys.js";
import { checkInvariants } from "./invariants.js";
import { scopes } from "./scopes.js";
import { executor, failure, LEASE_MS, newTask, startWorld, type World, type WorldOptions } from "./world.js";

const NOTHING = { tasks: Number.POSITIVE_INFINITY, gates: Number.POSITIVE_INFINITY, refills: Number.POSITIVE_INFINITY };

for (const [where, options] of Object.entries<WorldOptions>({
  "in one shard": {},
  "in four shards": { shards: 4 },
  "with each script sent twice": { twice: true },
})) {
  describe(`what is due ${where}`, () => due(options));
}

function due(options: WorldOptions): void {
  let world: World;
  let seen: NextDue["seen"] | undefined;
  const open = async (order: WorldOptions["order"] = {}) => void (world = await startWorld({ ...options, order }));
  afterEach(async () => {
    await checkInvariants(world);
    await world.close();
    seen = undefined;
  });

  const task = (more: Parameters<typeof newTask>[0] = {}) => newTask(more, options.shards ?? 1);
  /** The waits since the last check. A timer may fire within the millisecond before. */
  const next = async () => {
    const answer = await world.store.nextDue(seen);
    seen = answer.seen;
    return answer.waits;
  };
  /** Counts the wake-ups about something that is due soon. */
  const words = async (change: () => Promise<unknown>): Promise<number> => {
    const heard: string[] = [];
    const subscriber = await world.redis.duplicate();
    subscriber.on("message", (_, topic: string) => void heard.push(topic));
    await subscriber.subscribe(channels.work);
    await change();
    const marker = new Promise<void>((resolve) =>
      subscriber.on("message", (_, topic) => topic === "marker" && resolve()),
    );
    await world.redis.client.publish(channels.work, "marker");
    await marker;
    world.redis.release(subscriber);
    return heard.filter((topic) => topic === DUE_TOPIC).length;
  };
  const ALL = { tasks: true, gates: true, refills: true };

  it("is nothing in an empty queue", async () => {
    await open();
    assert.deepEqual(await next(), NOTHING);
  });

  it("is a requested start, a deadline of a start and the end of an affinity, with a wake when that is soon", async () => {
    await open();
    const now = world.clock.now;
    const soon = [
      { start: now + 999 },
      { conditions: { deadline: now + 999 } },
      { conditions: { pin: "ex-9", pinMs: 999 } },
    ];
    for (const more of soon) {
      assert.equal(await words(() => world.queue.enqueue(task(more))), 1);
      assert.deepEqual(await next(), { ...NOTHING, tasks: 1_000 });
      world.clock.now += 999;
      await reapDue(world, ALL);
      world.clock.now = now;
    }
    assert.equal(await words(() => world.queue.enqueue(task({ start: now + 1_000 }))), 0);
    assert.deepEqual(await next(), { ...NOTHING, tasks: 1_001 });
  });

  it("is the next retry of a failed task and the end of a lease", async () => {
    await open();
    await world.queue.enqueue(task());
    const [grant] = (await executor(world).sync()).grants;
    assert.ok(grant);
    assert.deepEqual(await next(), { ...NOTHING, tasks: LEASE_MS + 1 });
    const error = failure("NETWORK_ERROR");
    assert.equal(await words(() => world.queue.fail(grant.task.id, grant.fence, error, {})), 0);
    assert.deepEqual(await next(), { ...NOTHING, tasks: 1_001 });
    world.clock.now += 1_000;
    await reapDue(world, { ...ALL, gates: false, refills: false });
    assert.equal((await world.store.find(grant.task.id))?.state, "QUEUED");
  });

  it("is a gate that opens, after which its blocked tasks start at once, also for an agent or a label", async () => {
    await open();
    for (const scope of [scopes.agent("alice"), scopes.label("k", "v"), scopes.all]) {
      const opensMs = world.clock.now + 500;
      assert.ok((await words(() => world.gates.pause(scope, { who: "ada", why: "lunch", opensMs }))) >= 1);
      await world.queue.enqueue(task({ labels: ["k=v"] }));
      const ex = executor(world, { id: `ex-${scope.kind}` });
      assert.equal((await ex.sync()).grants.length, 0);
      assert.deepEqual(await next(), { ...NOTHING, gates: 501 });
      world.clock.now += 500;
      await reapDue(world, { ...ALL, tasks: false, refills: false });
      const [grant] = (await ex.sync()).grants;
      assert.ok(grant, scope.kind);
      await world.queue.complete(grant.task.id, grant.fence, Buffer.from(""), {});
      await next();
    }
  });

  it("is the refilled rate of each agent that waited for it", async () => {
    await open({ agentRates: { alice: [60, 0], bob: [120, 0] } });
    const ex = executor(world, { slots: 500 });
    const agents = ["alice", "bob"];
    for (const agent of agents) for (let i = 0; i < 121; i++) await world.store.enqueue(task({ agent }));
    let answer: Awaited<ReturnType<typeof ex.sync>> | undefined;
    assert.ok((await words(async () => (answer = await ex.sync()))) >= 1);
    assert.equal(answer?.grants.length, 180);
    const starts = async () => (await ex.sync()).grants.map((grant) => grant.task.agent);
    assert.deepEqual(await next(), { ...NOTHING, tasks: LEASE_MS + 1, refills: 501 });
    world.clock.now += 500;
    await reapDue(world, { ...ALL, tasks: false, gates: false });
    assert.deepEqual(await starts(), ["bob"]);
    assert.equal((await next()).refills, 501);
    world.clock.now += 500;
    await reapDue(world, { ...ALL, tasks: false, gates: false });
    assert.deepEqual(await starts(), ["alice"]);
  });
}
