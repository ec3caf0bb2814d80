import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { NO_BOUNDS } from "../src/domain/intake/bounds.js";
import { createBulk } from "../src/domain/search/bulk.js";
import { ANY_TASK } from "../src/domain/search/filter.js";
import { asAgent } from "../src/domain/task/caller.js";
import { queueKeys } from "../src/redis/keys.js";
import { checkInvariants } from "./invariants.js";
import { executor, failure, newTask, startWorld, type World } from "./world.js";

const change = { filter: { ...ANY_TASK, states: ["FAILED" as const] }, reason: "", dryRun: false };

for (const twice of [false, true]) {
  describe(`tasks that are put back${twice ? ", with each script sent twice" : ""}`, () => {
    let world: World;
    before(async () => {
      const agent = { tasks: 2, bytes: 0 };
      world = await startWorld({
        twice,
        bounds: { ...NO_BOUNDS, agent, class: { ...NO_BOUNDS.class, low: { tasks: 0, bytes: 30 } } },
      });
    });
    after(() => world.close());
    beforeEach(() => world.reset());
    afterEach(() => checkInvariants(world));

    const fail = async (more: Parameters<typeof newTask>[0] = {}) => {
      const { task } = await world.queue.enqueue(newTask(more));
      const worker = executor(world);
      const [grant] = (await worker.sync()).grants;
      assert.ok(grant);
      await world.queue.fail(task.id, grant.fence, failure("INVALID_REQUEST", { retryable: false }), {});
      return task.id;
    };
    const isFull = (what: RegExp) => (error: unknown) => {
      assert.ok(error instanceof Refusal && error.reason === "QUEUE_FULL", String(error));
      assert.match(error.message, what);
      return true;
    };

    it("obey the limits for new tasks: an agent gets back as many as may wait", async () => {
      const ids = [await fail(), await fail(), await fail()];
      const bulk = createBulk(world);
      const retry = () => bulk.retry(change, new AbortController().signal);
      await assert.rejects(retry(), isFull(/tasks of agent alice waiting: at most 2/));
      const states = (await world.store.findAll(ids)).map(({ state }) => state);
      assert.deepEqual(states.toSorted(), ["FAILED", "QUEUED", "QUEUED"]);
      await assert.rejects(retry(), isFull(/agent alice/), "again");
      await assert.rejects(world.queue.enqueue(newTask()), isFull(/agent alice/));
      const left = ids[states.indexOf("FAILED")] ?? "";
      await assert.rejects(world.queue.retry(left, asAgent("alice"), ""), isFull(/agent alice/));
      // A task that waits already stays as it is, and the call succeeds.
      await world.queue.retry(ids[states.indexOf("QUEUED")] ?? "", asAgent("alice"), "");
      await world.queue.cancel(ids[states.indexOf("QUEUED")] ?? "", asAgent("alice"), "");
      assert.equal((await world.queue.retry(left, asAgent("alice"), "")).task.state, "QUEUED");
    });

    it("obey the limits on bytes too", async () => {
      // When the task waited for the first time, no bound on bytes applied to it. Its class now has a bound that is
      // smaller than the task.
      const id = await fail({ class: "normal", agent: "bob" });
      const record = await world.store.find(id);
      assert.ok(record && record.size > 30);
      const { tasks } = queueKeys(0);
      await world.redis.client.hset(tasks, id, JSON.stringify({ ...record, id: undefined, class: "low" }));
      await assert.rejects(world.queue.retry(id, asAgent("bob"), ""), isFull(/bytes of class low waiting/));
      await world.redis.client.hset(tasks, id, JSON.stringify({ ...record, id: undefined }));
      assert.equal((await world.queue.retry(id, asAgent("bob"), "")).task.state, "QUEUED");
    });
  });
}
