import assert from "node:assert/strict";
import type { World } from "@ccsp/e2e-kit/world.js";
import { eventually } from "@ccsp/testkit";

export const restV1 = (world: () => World): Mocha.Suite =>
  describe("A script of the predecessor in front of a whole fleet", function () {
    this.timeout(180_000);
    async function call(method: string, path: string, json?: object): Promise<Record<string, unknown>> {
      const answer = await fetch(`${world().fleet.httpAddress}/api/v1${path}`, {
        method,
        ...(json && { body: JSON.stringify(json) }),
        headers: {
          ...(json && { "content-type": "application/json" }),
          authorization: `Bearer ${await world().token("ann", { scopes: ["admin"] })}`,
        },
      });
      const { data, error }: { readonly data?: object; readonly error?: string } = Object(await answer.json());
      assert.ok(answer.ok, `${method} ${path}: ${error}`);
      return { ...data };
    }

    it("has its tasks run, and finds them in the statistics", async () => {
      await call("POST", "/queue/task", { task: { prompt: "Say hello" }, priority: "urgent" });
      await call("POST", "/queue/task", { task: { prompt: "[[fail:too-long]]", maxAttempts: 1 } });
      await eventually(
        async () => {
          const { requests, succeeded, failed, byAgent } = await call("GET", "/stats/usage?minutes=30");
          assert.deepEqual([requests, succeeded, failed, Object.keys(Object(byAgent))], [2, 1, 1, ["ann"]]);
        },
        { timeoutMs: 60_000 },
      );
      const { total, byCategory } = await call("GET", "/stats/errors");
      assert.deepEqual([total, Object.values(Object(byCategory))], [1, [1]]);
      const { agents } = await call("GET", "/stats/agents?agent=ann");
      assert.ok(Array.isArray(agents) && agents.length === 1);
      assert.equal((await call("GET", "/stats/performance"))["successRate"], 0.5);
    });

    it("sets how many tasks run at once", async () => {
      assert.equal((await call("GET", "/config"))["maxConcurrent"], 2);
      await call("PUT", "/config", { maxConcurrent: 3 });
      await eventually(async () => assert.equal((await call("GET", "/config"))["maxConcurrent"], 3), {
        timeoutMs: 60_000,
      });
    });
  });
