import assert from "node:assert/strict";
import { NO_BOUNDS } from "../src/domain/intake/bounds.js";
import type { TaskStore } from "../src/domain/store.js";
import { createShards } from "../src/redis/shards.js";
import { ENGINES, newTask, startWorld, type World } from "./world.js";

describe("an offer of new tasks to executors that wait in this process", () => {
  let world: World;
  let told: string[];
  let store: TaskStore;
  before(async () => {
    world = await startWorld();
    const offer = (engine: string, tasks: number) => told.push(`${tasks} for ${engine}`) > 0;
    const options = { engines: ENGINES, bounds: NO_BOUNDS, retentionMs: 86_400_000, now: () => world.clock.now };
    store = createShards(world.redis.client, 1, { ...options, offer });
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

  it("is made when a task is sent, so the claim of a waiting Sync follows directly", async () => {
    await answered(store.enqueue(newTask()));
    assert.deepEqual(told, ["1 for claude-code", "answered"]);
  });

  it("is not made for a task with a start time or an executor, nor after a task that was refused like the last", async () => {
    await answered(store.enqueue(newTask({ start: world.clock.now + 1_000 })));
    await answered(store.enqueue(newTask({ conditions: { pin: "ex-1" } })));
    await store.raiseEmergency({ id: "stop", level: "no-submit", who: "ada", why: "a fire" }, "raise");
    for (let i = 0; i < 2; i++) await answered(store.enqueue(newTask()));
    assert.deepEqual(told, ["answered", "answered", "1 for claude-code", "answered", "answered"]);
  });
});
