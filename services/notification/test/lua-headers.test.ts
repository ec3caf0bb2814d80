import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { scriptFaults } from "@ccsp/redis-kit";
import { Redis } from "ioredis";
import { bindDeliveryScripts } from "../src/redis/redis-delivery-log.js";

describe("the notification service's Lua files", () => {
  const scripts = Object.values(bindDeliveryScripts(new Redis({ lazyConnect: true })));

  for (const script of scripts) {
    it(`${script.file.pathname.split("/").at(-1)} does what its header says`, () => {
      assert.deepEqual(scriptFaults(script), []);
    });
  }

  it("are all bound", () => {
    const bound = new Set(scripts.map((script) => script.file.pathname.split("/").at(-1)));
    assert.deepEqual(bound, new Set(readdirSync(new URL("../lua/", import.meta.url))));
  });
});
