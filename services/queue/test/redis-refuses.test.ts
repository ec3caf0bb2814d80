import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { executor, newTask, startWorld, type World } from "./world.js";

describe("a Redis that temporarily refuses writes", () => {
  let world: World;
  before(async () => void (world = await startWorld()));
  after(() => world.close());

  it("is an outage to every change, also to changes sent together, and they work when it is over", async () => {
    const { queue, store, redis } = world;
    const worker = executor(world);
    await store.enqueue(newTask());
    const [grant] = (await worker.sync()).grants;
    assert.ok(grant);
    const { task, fence } = grant;
    const changes = {
      enqueue: () => store.enqueue(newTask()),
      sync: () => worker.sync(),
      report: () => queue.report({ id: task.id, fence, number: 1, entries: [Buffer.from("x")] }),
      complete: () => queue.complete(task.id, fence, Buffer.from(""), {}),
    };

    await redis.client.config("SET", "min-replicas-to-write", 1);
    for (const [name, change] of Object.entries(changes)) {
      const error = await change().catch((thrown: unknown) => thrown);
      assert.ok(error instanceof Refusal, `${name}: ${String(error)}`);
      assert.equal(error.reason, "DEPENDENCY_UNAVAILABLE", name);
    }
    await redis.client.config("SET", "min-replicas-to-write", 0);
    for (const change of Object.values(changes)) await change();
  });
});
