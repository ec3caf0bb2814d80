import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { scriptFaults, scriptSource } from "@ccsp/redis-kit";
import { Redis } from "ioredis";
import { bindGroupScripts } from "../src/group.js";

describe("the events package's Lua files", () => {
  const client = new Redis({ lazyConnect: true });
  const scripts = Object.values(bindGroupScripts(client));

  for (const script of scripts) {
    it(`${script.file.pathname.split("/").at(-1)} does what its header says`, () => {
      assert.deepEqual(scriptFaults(script), []);
    });
  }

  it("run when the memory of Redis is full: they are for what was accepted", () => {
    for (const script of scripts) assert.match(scriptSource(script), /^#!lua flags=allow-oom\n/);
  });

  it("are all bound", () => {
    const bound = new Set(scripts.map((script) => script.file.pathname.split("/").at(-1)));
    assert.deepEqual(bound, new Set(readdirSync(new URL("../lua/", import.meta.url))));
  });
});
