import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measureResources } from "./measure-resources.js";

describe("the resources in a heartbeat", () => {
  it("name the disk of a folder by its host, and none for a folder that is not there", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ccsp-resources-"));
    const [one, two] = [measureResources(), measureResources()];
    try {
      const { disk, diskFreeShare = -1 } = await one.read(folder);
      // Only Linux says which host it is.
      assert.match(disk, process.platform === "linux" ? /^[0-9a-f]{12}-\d+$/ : /^$/);
      assert.ok(diskFreeShare >= 0 && diskFreeShare <= 1);
      assert.equal((await two.read(tmpdir())).disk, disk);
      const none = await two.read(join(folder, "none"));
      assert.deepEqual([none.disk, none.diskFreeShare], ["", undefined]);
    } finally {
      one.close();
      two.close();
      await rm(folder, { recursive: true });
    }
  });
});
