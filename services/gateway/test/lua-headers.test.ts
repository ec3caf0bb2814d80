import assert from "node:assert/strict";
import { luaFaults } from "@ccsp/redis-kit";
import { Redis } from "ioredis";
import { bindKeyScripts } from "../src/keys/key-store.js";
import { bindReport } from "../src/limits/redis-store.js";

describe("the gateway's Lua files", () => {
  it("are all bound or parts, match their headers, and run when memory is full, except for new keys", () => {
    // Never connects: binding does no I/O.
    const redis = new Redis({ lazyConnect: true });
    const scripts = [...Object.values(bindKeyScripts(redis)), bindReport(redis)];
    const refusedWhenFull = ["create_key"];
    assert.deepEqual(luaFaults(new URL("../lua/", import.meta.url), scripts, { refusedWhenFull }), []);
  });
});
