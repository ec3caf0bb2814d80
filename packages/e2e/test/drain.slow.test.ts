import assert from "node:assert/strict";
import type { CcspClient } from "@ccsp/client";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { SERVICES } from "@ccsp/fleet";
import { eventually } from "@ccsp/testkit";

describe("SIGTERM of each service under load", function () {
  this.timeout(120_000);
  let world: World;
  before(async () => {
    world = await startWorld({ engine: "scripted", replicas: { executor: 2, queue: 2 }, slots: 4 });
  });
  after(() => world.close());

  for (const service of SERVICES) {
    it(`${service} exits 0 within the drain limit, and no call of an SDK client fails`, async () => {
      const load = startLoad(world.client(`agent-of-${service}`));
      await load.completed(10);
      const { code } = await world.fleet.terminate(service, 0);
      assert.equal(code, 0);
      const before = load.count();
      await load.completed(before + 20);
      await load.stop();
      await world.fleet.ready();
    });
  }
});

/**
 * Starts eight callers. Each submits a task, reads it and runs it, one task after the other, until it is stopped.
 * `stop` rejects with any failure.
 */
function startLoad(client: CcspClient) {
  let count = 0;
  const stopping = new AbortController();
  const caller = async () => {
    while (!stopping.signal.aborted) {
      const { taskId, ended } = await collect(client.run({ prompt: "short [[delay:50]]" }));
      assert.equal(ended.state, "SUCCEEDED");
      assert.equal((await client.get(taskId)).id, taskId);
      count += 1;
    }
  };
  const callers = Promise.all(Array.from({ length: 8 }, caller));
  callers.catch(() => {}); // stop() and completed() report it
  return {
    count: () => count,
    completed: (target: number) =>
      Promise.race([
        eventually(() => assert.ok(count >= target, `${count} of ${target}`), {
          timeoutMs: 60_000,
          what: "tasks to end",
        }),
        callers,
      ]),
    async stop() {
      stopping.abort();
      await callers;
    },
  };
}
