import assert from "node:assert/strict";
import { scriptFaults } from "@ccsp/redis-kit";
import { bindScripts } from "../src/redis/scripts.js";
import { executor, failure, newTask, startWorld, type World } from "./world.js";

describe("a task in Redis", () => {
  let world: World;
  before(async () => void (world = await startWorld()));
  after(() => world.close());
  beforeEach(() => world.reset());

  it("goes through a lease, a run and a result", async () => {
    const { queue, store } = world;
    const { task } = await queue.enqueue(newTask());
    assert.equal(task.state, "QUEUED");
    const ex = executor(world);
    const [grant] = (await ex.sync()).grants;
    assert.equal(grant?.task.id, task.id);
    const { fence } = grant;
    await queue.report({ id: task.id, fence, number: 1, started: { traceparent: "tp" }, entries: [Buffer.from("x")] });
    assert.equal((await store.find(task.id))?.state, "RUNNING");
    await queue.complete(task.id, fence, Buffer.from("result"), { model: "m" });
    const full = await queue.get(task.id, "alice");
    assert.equal(full.task.state, "SUCCEEDED");
    assert.equal(String(full.result), "result");
    const entries = await store.readLog(task.id, 0, 10);
    assert.deepEqual(
      entries.map((e) => [e.sequence, e.content.kind === "state" ? e.content.state : String(e.content.event)]),
      [
        [2, "RUNNING"],
        [3, "x"],
        [4, "SUCCEEDED"],
      ],
    );
  });

  it("is parked after a retryable failure", async () => {
    const { queue, store } = world;
    const { task } = await queue.enqueue(newTask());
    const [grant] = (await executor(world).sync()).grants;
    assert.equal(await queue.fail(task.id, grant?.fence ?? 0, failure(), {}), "PARKED");
    assert.equal(await queue.fail(task.id, grant?.fence ?? 0, failure(), {}), "PARKED");
    assert.equal((await store.find(task.id))?.ready, world.clock.now + 1_000);
  });

  it("is changed by scripts whose headers agree with their bindings", () => {
    for (const script of Object.values(bindScripts(world.redis.client))) assert.deepEqual(scriptFaults(script), []);
  });
});
