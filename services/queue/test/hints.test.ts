import assert from "node:assert/strict";
import { NO_BOUNDS } from "../src/domain/intake/bounds.js";
import type { TaskStore } from "../src/domain/store.js";
import { afterCompletion } from "../src/domain/task/decide.js";
import { logTopic } from "../src/domain/wakes/wakes.js";
import { createShards } from "../src/redis/shards.js";
import { ENGINES, executor, newTask, startWorld, type World } from "./world.js";

describe("a hint to this process's own listeners", () => {
  let world: World;
  let told: string[];
  let store: TaskStore;
  before(async () => {
    world = await startWorld();
    const hears = {
      hint: (topic: string) => void told.push(topic),
      offer: (engine: string, tasks: number) => told.push(`${tasks} for ${engine}`) > 0,
    };
    const options = { engines: ENGINES, bounds: NO_BOUNDS, retentionMs: 86_400_000, now: () => world.clock.now };
    store = createShards(world.redis.client, 1, { ...options, ...hears });
  });
  after(() => world.close());
  beforeEach(async () => {
    await world.reset();
    told = [];
  });

  const answered = async (change: Promise<unknown>) => {
    await change;
    told.push("answered");
  };

  it("comes as a task is sent, so that what a waiting Sync asks for is right behind it", async () => {
    await answered(store.enqueue(newTask()));
    assert.deepEqual(told, ["1 for claude-code", "answered"]);
  });

  it("does not come with a task that waits for a time or for one executor, nor after one that was refused like the last", async () => {
    await answered(store.enqueue(newTask({ start: world.clock.now + 1_000 })));
    await answered(store.enqueue(newTask({ conditions: { pin: "ex-1" } })));
    await store.raiseEmergency({ id: "stop", level: "no-submit", who: "ada", why: "a fire" }, "raise");
    for (let i = 0; i < 2; i++) await answered(store.enqueue(newTask()));
    assert.deepEqual(told, ["answered", "answered", "1 for claude-code", "answered", "answered"]);
  });

  it("comes as an end is sent, and not with a report, which a watcher would look for twice", async () => {
    const { task } = await world.queue.enqueue(newTask());
    const [grant] = (await executor(world).sync()).grants;
    assert.ok(grant);
    const { fence } = grant;
    await answered(store.report({ id: task.id, fence, number: 1, started: { traceparent: "" }, entries: [] }));
    await answered(store.move(grant.task, afterCompletion(fence, {}), Buffer.from("x")));
    assert.deepEqual(told, ["answered", logTopic(task.id), "answered"]);
  });

  it("wakes who listens longest, and nobody else", async () => {
    const [first, second] = [world.wakes.listen(["a", "b"]), world.wakes.listen(["b"])];
    world.wakes.hint("b");
    world.wakes.hint("nobody's");
    const over = AbortSignal.abort();
    assert.deepEqual([...(await first.next(0, over))], ["b"]);
    assert.deepEqual([...(await second.next(0, over))], []);
    first.close();
    world.wakes.hint("b");
    assert.deepEqual([...(await second.next(0, over))], ["b"]);
    second.close();
  });
});
