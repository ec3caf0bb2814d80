import assert from "node:assert/strict";
import { luaFaults } from "@ccsp/redis-kit";
import { Redis } from "ioredis";
import { bindUsageScripts } from "../src/redis/redis-usage-store.js";

describe("the monitor's Lua files", () => {
  it("are all bound, do what their headers say, and run when the memory of Redis is full: they are for what was accepted", () => {
    const scripts = Object.values(bindUsageScripts(new Redis({ lazyConnect: true })));
    assert.deepEqual(luaFaults(new URL("../lua/", import.meta.url), scripts), []);
  });
});
