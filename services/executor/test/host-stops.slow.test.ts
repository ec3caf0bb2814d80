import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { eventually } from "@ccsp/testkit";
import { expectProcesses } from "./processes.js";
import { useRealQueue } from "./real-queue.js";

describe("a host that stops all at once", function () {
  this.timeout(300_000);
  const queue = useRealQueue();
  // Ten minutes, as in Compose. The test would take as long if the executor waited for its runs.
  const boot = () => queue.startExecutor({ CCSP_EXECUTOR_DRAIN: "600s", CCSP_DRAIN_TIMEOUT: "1000s" });

  it("has an executor that waits 30 s for its queue, tells what had ended once it is back, and runs only the rest again", async () => {
    const [gate, runs, hung] = [queue.file("gate"), queue.file("runs"), queue.file("hung")];
    const ends = queue.file("executor", "ends");
    const done = await queue.add(`[[first:9:${runs}]][[gate:${gate}]][[text:once]]`);
    // With one attempt, the task would fail if the stop cost it one.
    const long = await queue.add(`[[first:1:${hung}]][[hang]] long`, { maxAttempts: 1 });
    const first = await boot();
    await eventually(() => expectProcesses(1, done), { timeoutMs: 30_000 });
    await eventually(() => expectProcesses(1, long), { timeoutMs: 30_000 });

    const startedMs = performance.now();
    for (const process of [queue.process(), first]) process.kill("SIGTERM");
    assert.equal((await queue.process().exited).code, 0);
    await writeFile(gate, "");
    assert.equal((await first.exited).code, 0);
    console.log(`      the executor was gone after ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
    const kept = (await readdir(ends)).map((name) => name.split(".").at(-1) ?? "");
    assert.deepEqual(kept.toSorted(), ["complete", "release"]);

    await queue.startQueue();
    await boot();
    assert.deepEqual([(await queue.succeeded(done))?.attempt, (await readFile(runs)).length], [1, 1]);
    assert.deepEqual([(await queue.succeeded(long))?.attempt, (await readFile(hung)).length], [2, 2]);
    await eventually(async () => assert.deepEqual(await readdir(ends), []));
  });
});
