import assert from "node:assert/strict";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@ccsp/testkit";
import { readStat } from "../src/supervision/proc.js";
import { expectProcesses } from "./processes.js";
import { useRealQueue } from "./real-queue.js";

const RUNS = 8;

describe("an executor that is killed with runs, and the real queue", function () {
  this.timeout(180_000);
  const queue = useRealQueue();
  const boot = () => queue.startExecutor({ CCSP_EXECUTOR_SLOTS: String(RUNS) });

  it("leaves no process of them after its restart, and each task runs once more and finishes", async () => {
    const counted = (index: number) => queue.file(`runs-of-${index}`);
    const tasks = await Promise.all(
      Array.from({ length: RUNS }, (_, index) => {
        const how = index % 2 === 0 ? "[[ignore-sigterm]]" : "[[grandchild]]";
        return queue.add(`[[first:1:${counted(index)}]][[hang]][[grandchild-setsid]]${how} task ${index}`);
      }),
    );

    const first = await boot();
    // Each run has an engine and a grandchild. Every second run also has a child in its process group.
    const pids = await eventually(() => expectProcesses(RUNS * 2 + RUNS / 2), { timeoutMs: 30_000 });
    first.kill("SIGKILL");
    await first.exited;
    await boot();
    for (const [index, id] of tasks.entries()) {
      assert.equal((await queue.succeeded(id))?.result?.text, `You said: task ${index}`);
      assert.equal((await readFile(counted(index))).length, 2, "runs");
    }
    assert.deepEqual(pids.filter(readStat), []);
  });

  it("tells a queue that was away what has ended meanwhile, and nothing of it runs again", async () => {
    const [gate, runs, ends] = [queue.file("gate"), queue.file("runs"), queue.file("executor", "ends")];
    const id = await queue.add(`[[first:9:${runs}]][[gate:${gate}]][[text:once]]`);
    const first = await boot();
    // The engine has begun, so the executor knows of the lease.
    await eventually(async () => assert.equal((await readFile(runs)).length, 1), { timeoutMs: 30_000 });
    queue.process().kill("SIGKILL");
    await queue.process().exited;
    await writeFile(gate, "");
    const [name = ""] = await eventually(
      async () => {
        const names = await readdir(ends);
        assert.ok(names[0]?.endsWith(".complete"));
        return names;
      },
      { timeoutMs: 30_000 },
    );
    assert.equal((await stat(join(ends, name))).mode & 0o777, 0o600);
    first.kill("SIGKILL");
    await first.exited;

    await queue.startQueue();
    await boot();
    const task = await queue.succeeded(id);
    assert.deepEqual([task?.result?.text, task?.attempt, (await readFile(runs)).length], ["once", 1, 1]);
    await eventually(async () => assert.deepEqual(await readdir(ends), []));
  });
});
