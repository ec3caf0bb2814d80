import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readRootsFile } from "./roots-file.js";

describe("the file of allowed roots", () => {
  it("allows no folder in which a run could put a link at a path that later runs get", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ccsp-roots-file-test-"));
    try {
      const path = join(folder, "roots");
      const warned: string[] = [];
      const roots = readRootsFile({
        path,
        dir: join(folder, "executor"),
        mounted: ["/opt/tool", "/cache"],
        writable: ["/cache"],
        warn: ({ line, why }) => warned.push(`${line}: ${why}`),
      });
      await writeFile(path, "/opt\n/opt/tool\n/cache/in\n/cache\n/srv\n");
      assert.deepEqual(await roots(), ["/opt/tool", "/cache", "/srv"]);
      assert.deepEqual(warned, [
        "/opt: it contains /opt/tool, which every run gets",
        "/cache/in: it is in /cache, where every run may write",
      ]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
