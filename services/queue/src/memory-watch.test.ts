import assert from "node:assert/strict";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import { Registry } from "prom-client";
import { watchMemory } from "./memory-watch.js";

const memory = { node: "a", usedBytes: 50, mostBytes: 100, policy: "noeviction" };

describe("the watch over Redis' memory", () => {
  it("sees that a shard is no longer full while the node of another does not answer", async () => {
    let comeBack = () => {};
    const back = new Promise<typeof memory>((resolve) => (comeBack = () => resolve(memory)));
    const registry = new Registry();
    const reads = [async () => back, async () => memory];
    const watch = watchMemory({ reads, registry, log: pino({ level: "silent" }), everyMs: 1 });
    try {
      watch.noteFull(0);
      watch.noteFull(1);
      await eventually(() => assert.equal(watch.isFull(1), false));
      assert.equal(watch.isFull(0), true, "the last reading counts");
      assert.match(await registry.metrics(), /ccsp_queue_memory_used_ratio 0\.5/);
    } finally {
      comeBack();
      await watch.close();
    }
  });
});
