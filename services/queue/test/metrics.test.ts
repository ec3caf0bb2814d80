import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { asAgent, OPERATOR } from "../src/domain/task/caller.js";
import { observeQueue } from "../src/metrics.js";
import { measureQueue } from "../src/status-metrics.js";
import { scopes } from "./scopes.js";
import { executor, failure, newTask, queueOver, startWorld, type World } from "./world.js";

for (const shards of [1, 4]) {
  describe(`the metrics of ${shards} shards`, () => {
    let world: World;
    before(async () => void (world = await startWorld({ shards })));
    after(() => world.close());
    beforeEach(() => world.reset());

    /** A queue that counts, and a function that reads one value. */
    const measured = () => {
      const registry = new Registry();
      measureQueue(registry, world.store);
      const { queue, moves } = queueOver({ ...world, observer: observeQueue(registry) });
      const value = async (line: string): Promise<number> => {
        const found = (await registry.metrics()).split("\n").find((each) => each.startsWith(`${line} `));
        return Number(found?.slice(line.length + 1) ?? 0);
      };
      return { queue, moves, value };
    };

    it("count a task once when it is accepted, its failures by outcome, and lost deliveries", async () => {
      const { queue, moves, value } = measured();
      const ex = executor(world);
      const ask = () => queue.enqueue(newTask({ max: 2, request: { id: "r", hash: "h" } }, shards));
      const { id } = (await ask()).task;
      assert.equal((await ask()).task.id, id);
      assert.equal(await value('ccsp_queue_tasks_accepted_total{engine="claude-code",class="normal"}'), 1);

      const lease = async (started: boolean) => {
        const [grant] = (await ex.sync()).grants;
        assert.equal(grant?.task.id, id);
        if (started) {
          const report = { id, fence: grant.fence, number: 1, started: { traceparent: "" }, entries: [] };
          await queue.report(report);
        }
        ex.held.clear();
        return grant.fence;
      };
      await queue.fail(id, await lease(true), failure("RATE_LIMIT", { retryAfterMs: 1 }), {});
      assert.equal(await value('ccsp_queue_failures_total{category="RATE_LIMIT",retried="true"}'), 1);
      assert.equal(await value("ccsp_queue_parked"), 1);
      const parked = await world.store.find(id);
      world.clock.now = parked?.ready ?? 0;
      assert.ok(parked);
      await moves.makeMove(parked, { from: "PARKED", to: "QUEUED", due: "parked", set: {}, note: {} });

      await queue.freeLease(id, { how: "undelivered", fence: await lease(false) });
      assert.equal(await value("ccsp_queue_deliveries_lost_total"), 1);
      await queue.freeLease(id, { how: "undelivered", fence: await lease(true) });
      await queue.fail(id, await lease(true), failure("TIMEOUT"), {});
      assert.equal(await value("ccsp_queue_deliveries_lost_total"), 1, "those runs had started");
      assert.equal(await value('ccsp_queue_failures_total{category="EXECUTOR_LOST",retried="true"}'), 1);
      assert.equal(await value('ccsp_queue_failures_total{category="TIMEOUT",retried="false"}'), 1);
      assert.equal(await value('ccsp_queue_tasks_ended_total{state="FAILED"}'), 1);
      assert.equal(await value("ccsp_queue_ended"), 1);
    });

    it("count no failure for a task that was given back, cancelled or put back by a person", async () => {
      const { queue, value } = measured();
      const ex = executor(world);
      const { id } = (await queue.enqueue(newTask({ max: 1 }, shards))).task;
      const [first] = (await ex.sync()).grants;
      await queue.release(id, first?.fence ?? 0, "draining");
      ex.held.clear();
      const [second] = (await ex.sync()).grants;
      await queue.fail(id, second?.fence ?? 0, failure("TIMEOUT"), {});
      await queue.retry(id, OPERATOR, "again");
      await queue.cancel(id, asAgent("alice"), "enough");
      assert.equal(await value('ccsp_queue_failures_total{category="TIMEOUT",retried="false"}'), 1);
      assert.equal(await value('ccsp_queue_failures_total{category="CANCELLED",retried="false"}'), 0);
      assert.equal(await value("ccsp_queue_deliveries_lost_total"), 0);
    });

    it("show executors that called recently, their slots, and the tasks that a gate or a stop blocks", async () => {
      const { queue, value } = measured();
      await queue.enqueue(newTask({}, shards));
      await executor(world, { id: "ex-1", slots: 3 }).sync();
      await executor(world, { id: "ex-2", slots: 2 }).sync({ draining: true });
      assert.equal(await value('ccsp_queue_running{engine="claude-code",class="normal"}'), 1);
      assert.equal(await value('ccsp_queue_executors{draining="true"}'), 1);
      assert.equal(await value('ccsp_queue_slots{engine="claude-code"}'), 3);
      await world.gates.pause(scopes.engine("claude-code"), { who: "ada", why: "w", opensMs: world.clock.now + 10 });
      assert.equal(await value('ccsp_queue_gates_closed{scope="engine"}'), 1);
      world.clock.now += 30_001;
      assert.equal(await value('ccsp_queue_gates_closed{scope="engine"}'), 0);
      assert.equal(await value('ccsp_queue_slots{engine="claude-code"}'), 0, "it sent no Sync for half a minute");
    });
  });
}
