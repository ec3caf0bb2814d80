import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { filesOf, scriptFaults, scriptSource } from "@ccsp/redis-kit";
import { Redis } from "ioredis";
import { allScripts } from "./all-scripts.js";

describe("the queue's Lua scripts", () => {
  const lua = new URL("../lua/", import.meta.url);
  // Never connects: binding does no I/O.
  const redis = new Redis({ lazyConnect: true });
  const scripts = allScripts(redis);

  for (const script of scripts) {
    it(`${basename(script.file.pathname)} has a header that agrees with its binding and its parts, and builds no key`, () => {
      assert.deepEqual(scriptFaults(script), []);
    });
  }

  it("run when the memory of Redis is full, but for those that bring new work or write nothing", () => {
    const refused = scripts.filter((script) => !scriptSource(script).startsWith("#!lua flags=allow-oom\n"));
    assert.deepEqual(refused.map(({ file }) => basename(file.pathname, ".lua")).toSorted(), [
      ...["enqueue_tasks", "read_clock", "read_due", "read_log", "read_memory", "read_places"],
    ]);
  });

  it("have no part that nobody uses", () => {
    const parts = scripts.flatMap(({ file }) => filesOf(file).slice(0, -1)).map(({ file }) => file.pathname);
    const folders = readdirSync(lua, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => new URL(`${name}/`, lua));
    const files = folders.flatMap((folder) => readdirSync(folder).map((file) => new URL(file, folder).pathname));
    assert.deepEqual([...new Set(parts)].toSorted(), files.toSorted());
  });

  it("are all bound", () => {
    const files = readdirSync(lua, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);
    assert.deepEqual(scripts.map(({ file }) => basename(file.pathname)).toSorted(), files.toSorted());
  });
});
