import assert from "node:assert/strict";
import type { CcspClient } from "@ccsp/client";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { monitorClient } from "@ccsp/e2e-kit/internal-clients.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { Budget, BudgetPeriod, BudgetUnit } from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import { ExportFormat } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { eventually } from "@ccsp/testkit";

/** The engine counts 1,000 tokens of input and one of output, and then says nothing more: no result, so no cost. */
const HANGS = "[[usage:1000:2000]] [[hang-mid]] hello there";
/** Of one run in millionths of a dollar: 3 dollars a million of input, 15 of output. */
const PRICE = 3 * 1_000 + 15;

describe("runs that fail or are cancelled after they used tokens, of a task that asks for an alias", function () {
  this.timeout(90_000);
  let world: World;
  let alice: CcspClient;
  before(async () => {
    world = await startWorld({ engine: "scripted" });
    alice = world.client("alice");
  });
  after(() => world?.close());

  it("count in usage and in a budget in dollars by the price of the model that ran", async () => {
    const monitor = monitorClient(world);
    try {
      const holder = { holder: { $case: "agentId", value: "alice" } } as const;
      const terms = { limit: 1, unit: BudgetUnit.USD, period: BudgetPeriod.MONTH };
      await monitor.putBudget({ budget: Budget.fromPartial({ name: "usd", holder, ...terms }), who: "ada" });
      const task = { prompt: HANGS, model: "sonnet", maxAttempts: 1 };
      const late = await collect(alice.run({ ...task, limits: { wallTimeMs: 2_000 } }));
      assert.deepEqual([late.ended.state, late.ended.error?.category], ["FAILED", "TIMEOUT"]);
      const { id } = await alice.submit(task);
      for await (const { type } of alice.watch(id)) {
        if (type === "text") await alice.cancel(id);
      }
      const rows = await eventually(async () => {
        const texts: string[] = [];
        for await (const { lines } of monitor.exportUsage({ format: ExportFormat.JSON_LINES })) texts.push(lines);
        const read = texts
          .join("")
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line));
        assert.deepEqual([read[0]?.failed_runs, read[0]?.cancelled_runs], [1, 1]);
        return read;
      });
      assert.deepEqual(
        rows.map(({ model, input_tokens, runs_without_cost, priced_runs, priced_micro_usd }) => ({
          ...{ model, input_tokens, runs_without_cost, priced_runs, priced_micro_usd },
        })),
        [
          {
            ...{ model: "claude-sonnet-4-6", input_tokens: 2_000, runs_without_cost: 2 },
            ...{ priced_runs: 2, priced_micro_usd: 2 * PRICE },
          },
        ],
      );
      await eventually(async () => {
        const [budget] = (await monitor.listBudgets({})).budgets;
        assert.deepEqual([budget?.used, budget?.unknownRuns], [(2 * PRICE) / 1e6, 0n]);
      });
    } finally {
      monitor.close();
    }
  });
});
