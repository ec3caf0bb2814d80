import assert from "node:assert/strict";
import { setBudgetHolds } from "../src/domain/gates/budget-holds.js";
import type { SyncAnswer } from "../src/domain/leases/sync.js";
import { asAgent } from "../src/domain/task/caller.js";
import { executor, newTask, startWorld, type World } from "./world.js";

describe("a Sync that waits", () => {
  let world: World;
  beforeEach(async () => void (world = await startWorld({ onlyWoken: true })));
  afterEach(() => world.close());

  const LONG = { maxWaitMs: 20_000 };
  const ids = (answer: SyncAnswer) => answer.grants.map(({ task }) => task.id);
  /** Resolves when the call has checked once and found nothing. From then on, only a wake-up can end it. */
  const waiting = async (ex: ReturnType<typeof executor>, more: Parameters<typeof ex.sync>[0] = LONG) => {
    const looked = new Promise<void>((resolve) => {
      const { claim } = world.store;
      world.store.claim = async (...args) => {
        const answer = await claim(...args);
        world.store.claim = claim;
        resolve();
        return answer;
      };
    });
    const call = ex.sync(more);
    await looked;
    return { call };
  };

  it("is answered as soon as a task arrives", async () => {
    const { call } = await waiting(executor(world));
    const { task } = await world.queue.enqueue(newTask());
    assert.deepEqual(ids(await call), [task.id]);
  });

  it("is answered as soon as a task comes back", async () => {
    const { task } = await world.queue.enqueue(newTask());
    const [grant] = (await executor(world).sync()).grants;
    const { call } = await waiting(executor(world, { id: "ex-2" }));
    await world.queue.release(task.id, grant?.fence ?? 0, "draining");
    assert.deepEqual(ids(await call), [task.id]);
  });

  it("is answered as soon as a task that it holds is cancelled", async () => {
    const { task } = await world.queue.enqueue(newTask());
    const ex = executor(world, { slots: 2 });
    await ex.sync();
    const { call } = await waiting(ex);
    await world.queue.cancel(task.id, asAgent("alice"), "enough");
    assert.deepEqual(
      (await call).cancelled.map(({ reason }) => reason),
      ["enough"],
    );
  });

  it("is answered as soon as a task that it holds is cancelled, also when it is full", async () => {
    const { task } = await world.queue.enqueue(newTask());
    const ex = executor(world);
    await ex.sync();
    const looked = new Promise<void>((resolve) => {
      const { sync } = world.store;
      world.store.sync = async (...args) => {
        const findings = await sync(...args);
        resolve();
        return findings;
      };
    });
    const call = ex.sync(LONG);
    await looked;
    await world.queue.cancel(task.id, asAgent("alice"), "enough");
    assert.equal((await call).cancelled.length, 1);
  });

  it("is answered once when a budget begins to hold its run, and once when it lets it go", async () => {
    const ticking = await startWorld({ server: world.server });
    try {
      const { task } = await ticking.queue.enqueue(newTask());
      const ex = executor(ticking);
      await ex.sync();
      const hold = {
        name: "b",
        of: { kind: "all" },
        action: "park",
        limit: "$1 a day",
        until: 1e14,
        holdsRuns: true,
      } as const;
      const held = async (more: Parameters<typeof ex.sync>[0]) => (await ex.sync(more)).runHolds.map(({ id }) => id);
      await setBudgetHolds(ticking.store, [hold]);
      assert.deepEqual(await held(LONG), [task.id]);
      const given = new AbortController();
      const call = held({ ...LONG, signal: given.signal });
      const unanswered = Symbol("unanswered");
      const looked = async () => {
        for (let n = 0; n < 50; n++) await ticking.store.now("");
        return unanswered;
      };
      assert.equal(await Promise.race([call, looked()]), unanswered);
      given.abort();
      assert.deepEqual(await call, [task.id]);
      await setBudgetHolds(ticking.store, []);
      assert.deepEqual(await held(LONG), []);
    } finally {
      await ticking.close();
    }
  });

  it("checks a tick after its last check, however often its engine is named meanwhile", async () => {
    const ticking = await startWorld({ server: world.server });
    const waits: number[] = [];
    const { listen } = ticking.wakes;
    ticking.wakes.listen = (topics) => {
      const listener = listen(topics);
      return {
        ...listener,
        async next(...args) {
          waits.push(args[0]);
          if (waits.length < 3) ticking.waitingExecutors.offer("claude-code", 1);
          else await ticking.queue.enqueue(newTask());
          return listener.next(...args);
        },
      };
    };
    try {
      assert.equal((await executor(ticking).sync(LONG)).grants.length, 1);
    } finally {
      await ticking.close();
    }
    const [first = 0, second = 0, third = 0] = waits;
    assert.ok(first > second && second > third, waits.join(" "));
  });

  it("claims without a check when its engine is named, and checks when it is named itself", async () => {
    let looks = 0;
    const { sync } = world.store;
    world.store.sync = async (...args) => {
      looks += 1;
      return sync(...args);
    };
    const { call } = await waiting(executor(world));
    await world.queue.enqueue(newTask());
    assert.equal((await call).grants.length, 1);
    assert.equal(looks, 1);

    const { task } = await world.queue.enqueue(newTask());
    const ex = executor(world, { id: "ex-2", slots: 2 });
    await ex.sync();
    const second = await waiting(ex);
    looks = 0;
    await world.queue.cancel(task.id, asAgent("alice"), "enough");
    assert.equal((await second.call).cancelled.length, 1);
    assert.equal(looks, 1);
  });

  it("gives one task to one of many waiting executors", async () => {
    const calls = [];
    for (let i = 0; i < 10; i++) calls.push((await waiting(executor(world, { id: `ex-${i}` }))).call);
    const { task } = await world.queue.enqueue(newTask());
    const winner = await Promise.any(calls);
    assert.deepEqual(ids(winner), [task.id]);
    world.stopping.abort();
    assert.deepEqual((await Promise.all(calls)).flatMap(ids), [task.id]);
  });

  it("is answered with nothing when the process stops", async () => {
    const { call } = await waiting(executor(world));
    world.stopping.abort();
    assert.deepEqual(ids(await call), []);
  });

  it("claims nothing for a caller that disconnected", async () => {
    const gone = new AbortController();
    const { call } = await waiting(executor(world), { ...LONG, signal: gone.signal });
    gone.abort();
    await world.queue.enqueue(newTask());
    await call;
    assert.equal((await world.store.counts()).leased, 0);
  });

  it("ends as stale when a newer Sync of its executor has come", async () => {
    await world.queue.enqueue(newTask());
    const ex = executor(world, { slots: 2 });
    await ex.sync();
    const { call } = await waiting(ex);
    const stale = assert.rejects(call, { reason: "SYNC_STALE" });
    const newer = executor(world, { id: "ex-1", boot: "boot-2", slots: 0 });
    await newer.sync();
    await stale;
  });
});
