import assert from "node:assert/strict";
import { eventually } from "@ccsp/testkit";
import { channels } from "../src/redis/keys.js";
import { scopes } from "./scopes.js";
import { executor, newTask, startWorld, type World } from "./world.js";

/** Two replicas over one Redis, with executors that wait at each. */
describe("a new task", () => {
  let [here, there]: World[] = [];
  let claims: string[] = [];
  let calls: Promise<unknown>[] = [];
  beforeEach(async () => {
    here = await startWorld({ onlyWoken: true });
    there = await startWorld({ server: here.server, onlyWoken: true });
    claims = [];
    calls = [];
  });
  afterEach(async () => {
    for (const world of replicas()) world.stopping.abort();
    await Promise.allSettled(calls);
    await there?.close();
    await here?.close();
  });
  const replicas = (): World[] => [here ?? assert.fail(), there ?? assert.fail()];

  /** Resolves when the executor has checked and found nothing. From then on, only a wake-up makes it claim again. */
  const wait = async (world: World, id: string, more: Parameters<typeof executor>[1] = {}) => {
    const { claim } = world.store;
    const ex = executor(world, { id, ...more });
    const looked = new Promise<void>((resolve) => {
      world.store.claim = async (...args) => {
        const answer = await claim(...args);
        world.store.claim = claim;
        resolve();
        return answer;
      };
    });
    const call = ex.sync({ maxWaitMs: 20_000 });
    call.catch(() => undefined);
    calls.push(call);
    await looked;
  };
  const count = () => {
    for (const world of replicas()) {
      const { claim } = world.store;
      world.store.claim = async (...args) => {
        claims.push(args[0].executor);
        return claim(...args);
      };
    }
  };
  /**
   * Resolves when the replicas have received all wake-ups published by now, and have the answers to the claims that
   * these caused.
   */
  const settled = async () => {
    for (const world of replicas()) {
      const marker = world.wakes.listen(["marker"]);
      await world.redis.client.publish(channels.work, "marker");
      await marker.next(30_000, new AbortController().signal);
      marker.close();
      await world.redis.ping();
    }
  };

  it("wakes one of the executors that wait for it, at any replica", async () => {
    const [one, other] = replicas();
    assert.ok(one && other);
    for (let i = 0; i < 10; i++) await wait(i % 2 ? one : other, `ex-${i}`);
    count();
    await one.queue.enqueue(newTask());
    await Promise.any(calls);
    await settled();
    assert.deepEqual(claims, ["ex-1"], "the executor that waited longest where the task was accepted");
  });

  it("wakes at most one at each replica when no executor waits where it was accepted", async () => {
    const [one, other] = replicas();
    assert.ok(one && other);
    for (let i = 0; i < 10; i++) await wait(other, `ex-${i}`);
    count();
    await one.queue.enqueue(newTask());
    await Promise.any(calls);
    await settled();
    assert.deepEqual(claims, ["ex-0"]);
  });

  it("of many that come together wakes as many executors as have slots for them", async () => {
    const [one] = replicas();
    assert.ok(one);
    for (let i = 0; i < 10; i++) await wait(one, `ex-${i}`, { slots: 2 });
    count();
    const { store } = one;
    await store.enqueueAll(Array.from({ length: 7 }, () => newTask()));
    await eventually(async () => assert.equal((await store.counts()).leased, 7));
    await settled();
    assert.deepEqual(claims, ["ex-0", "ex-1", "ex-2", "ex-3"]);
  });

  it("for one executor wakes that executor", async () => {
    const [one, other] = replicas();
    assert.ok(one && other);
    for (let i = 0; i < 10; i++) await wait(i % 2 ? one : other, `ex-${i}`);
    count();
    await one.queue.enqueue(newTask({ conditions: { pin: "ex-6" } }));
    await Promise.any(calls);
    await settled();
    assert.deepEqual(claims, ["ex-6"]);
  });

  it("wakes the next executor when the woken one cannot claim it, at another replica too", async () => {
    const [one, other] = replicas();
    assert.ok(one && other);
    await wait(one, "ex-0");
    await wait(other, "ex-1");
    one.store.claim = async () => "stale";
    const { task } = await one.queue.enqueue(newTask());
    await eventually(async () => assert.equal((await one.store.find(task.id))?.executor, "ex-1"));
  });

  it("wakes an executor of another login when the login of the woken one is closed", async () => {
    const [one, other] = replicas();
    assert.ok(one && other);
    await one.gates.pause(scopes.account("claude-code", "team"), { who: "ada", why: "renewing" });
    for (let i = 0; i < 5; i++) await wait(one, `ex-${i}`, { account: "team" });
    await wait(other, "ex-5", { account: "mine" });
    count();
    const { task } = await one.queue.enqueue(newTask());
    await eventually(async () => assert.equal((await one.store.find(task.id))?.executor, "ex-5"));
    await settled();
    assert.ok(claims.length <= 3, claims.join());
  });

  it("is passed on by an executor whose own gate is closed", async () => {
    const [one] = replicas();
    assert.ok(one);
    await one.store.closeGate({
      scope: scopes.executor("ex-0", "claude-code"),
      how: "replace",
      announced: false,
      gate: { who: "ccsp", why: "it does not start", opens: one.clock.now + 60_000 },
    });
    await wait(one, "ex-0");
    await wait(one, "ex-1");
    const { task } = await one.queue.enqueue(newTask());
    await eventually(async () => assert.equal((await one.store.find(task.id))?.executor, "ex-1"));
  });

  it("that returns to the queue wakes once for all that return together, and each finds its executor", async () => {
    const [one, other] = replicas();
    assert.ok(one && other);
    const ex = executor(one, { id: "first", slots: 6 });
    for (let i = 0; i < 6; i++) await one.queue.enqueue(newTask());
    await ex.sync();
    for (let i = 0; i < 9; i++) await wait(i % 2 ? one : other, `ex-${i}`);
    await Promise.all([...ex.held].map(([id, fence]) => one.queue.release(id, Number(fence), "draining")));
    await eventually(async () => assert.equal((await one.store.counts()).leased, 6));
  });
});
