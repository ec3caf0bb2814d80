import assert from "node:assert/strict";
import { pino } from "pino";
import { classWeights, type Order } from "../domain/order/order.js";
import type { Wakes } from "../domain/wakes/wakes.js";
import type { SetLimits } from "./limit.js";
import { openLiveOrder } from "./live-order.js";

const SETTINGS: Order = {
  urgentMax: 1,
  weights: classWeights(16, 4, 1),
  agentMaxRunning: 0,
  agentWeights: {},
  labelMaxRunning: {},
  engineRates: {},
  accountRates: {},
  agentRates: {},
};
const limit = { value: 7, who: "ada", why: "w", set: 1, automatic: false };

/** No wake-up comes, and no time passes. */
const wakes: Pick<Wakes, "listen"> = {
  listen: () => ({
    next: async (_timeoutMs, signal) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve(new Set()), { once: true })),
    remind() {},
    close() {},
  }),
};

describe("the order in force", () => {
  it("wakes those who wait once for each change, and follows the end of a limit while Redis is away", async () => {
    let stored: SetLimits | undefined = new Map();
    let changes = 0;
    const clock = { at: 1_000, now: () => clock.at };
    const live = await openLiveOrder({
      store: {
        async read() {
          if (stored === undefined) throw new Error("Redis is away");
          return stored;
        },
      },
      settings: SETTINGS,
      engines: ["claude-code"],
      shards: 1,
      wakes,
      clock,
      onChange: async () => void (changes += 1),
      log: pino({ level: "silent" }),
    });
    try {
      assert.equal(changes, 0, "the settings are in force from the start");
      stored = new Map([["weight/agent/alice", { ...limit, until: 2_000 }]]);
      await live.refresh();
      const set = live.ofShard();
      assert.deepEqual([set.agentWeights, changes], [{ alice: 7 }, 1]);
      await live.refresh();
      assert.deepEqual([live.ofShard() === set, changes], [true, 1], "nothing has changed");

      stored = undefined;
      await assert.rejects(live.refresh(), /Redis is away/);
      assert.deepEqual([live.ofShard() === set, changes], [true, 1]);
      clock.at = 2_000;
      await assert.rejects(live.refresh(), /Redis is away/);
      assert.deepEqual([live.ofShard().agentWeights, changes], [{}, 2]);
    } finally {
      await live.close();
    }
  });
});
