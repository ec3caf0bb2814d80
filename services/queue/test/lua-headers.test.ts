import assert from "node:assert/strict";
import { luaFaults } from "@ccsp/redis-kit";
import { Redis } from "ioredis";
import { allScripts } from "./all-scripts.js";

describe("the queue's Lua files", () => {
  it("are all bound or parts, match their headers, and run when memory is full, except for new work and scripts without writes", () => {
    const refusedWhenFull = [
      "enqueue_tasks",
      "read_clock",
      "read_due",
      "read_log",
      "read_memory",
      "read_newest",
      "read_places",
      "read_prompt_starts",
    ];
    // Never connects: binding does no I/O.
    const scripts = allScripts(new Redis({ lazyConnect: true }));
    assert.deepEqual(luaFaults(new URL("../lua/", import.meta.url), scripts, { refusedWhenFull }), []);
  });
});
