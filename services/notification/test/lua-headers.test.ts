import assert from "node:assert/strict";
import { luaFaults } from "@ccsp/redis-kit";
import { Redis } from "ioredis";
import { bindNoticeScripts } from "../src/redis/scripts.js";

describe("the notification service's Lua files", () => {
  it("are all bound, match their headers, and run when the memory of Redis is full, because they serve accepted work", () => {
    const scripts = Object.values(bindNoticeScripts(new Redis({ lazyConnect: true })));
    assert.deepEqual(luaFaults(new URL("../lua/", import.meta.url), scripts), []);
  });
});
