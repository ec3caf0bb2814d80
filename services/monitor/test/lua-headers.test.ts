import assert from "node:assert/strict";
import { luaFaults } from "@ccsp/redis-kit";
import { Redis } from "ioredis";
import { bindSloScripts } from "../src/slo/count-store.js";
import { bindLeaseScripts } from "../src/state/leader.js";
import { bindStateScripts } from "../src/state/state-store.js";
import { bindClaimScripts } from "../src/usage/redis/redis-claim-store.js";
import { bindUsageScripts } from "../src/usage/redis/redis-usage-store.js";

describe("the monitor's Lua files", () => {
  it("are all bound, match their headers, and run when the memory of Redis is full, because they serve accepted work", () => {
    const redis = new Redis({ lazyConnect: true });
    const scripts = Object.values({
      ...bindUsageScripts(redis),
      ...bindClaimScripts(redis),
      ...bindStateScripts(redis),
      ...bindLeaseScripts(redis),
      ...bindSloScripts(redis),
    });
    assert.deepEqual(luaFaults(new URL("../lua/", import.meta.url), scripts), []);
  });
});
