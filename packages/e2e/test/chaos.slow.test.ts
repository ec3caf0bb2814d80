import assert from "node:assert/strict";
import { runChaos } from "@ccsp/chaos/run.js";
import { type LeakCheck, leakCheck } from "@ccsp/testkit";

/**
 * Chosen at random once and then fixed. The seed decides which faults come, so that runs are as similar as possible.
 */
const SEED = "2026-11-25";
const TASKS = 1_000;
/** The faults that must have come on each kind of Redis. */
const FAULTS = {
  standalone: ["restart redis"],
  sentinel: ["kill redis master", "kill redis master and replica", "move redis master"],
  cluster: ["kill redis master", "move redis master"],
} as const;

for (const redis of ["standalone", "sentinel", "cluster"] as const) {
  describe(`1,000 tasks while replicas, executors, links and Redis fail, ${redis} (make chaos has 10,000)`, function () {
    this.timeout(600_000);
    let leaks: LeakCheck;
    before(() => void (leaks = leakCheck()));
    after(() => leaks.check());

    it("ends each accepted task exactly once, and every side saw the same end", async () => {
      const { violations, counts } = await runChaos({
        redis,
        replicas: 3,
        executors: 4,
        seed: SEED,
        tasks: TASKS,
        // A task that hits a rate limit four times in a row waits up to 75 s in all.
        chaosMs: 30_000,
        faultEveryMs: 500,
        drainMs: 200_000,
        watchedShare: 0.2,
        print: () => undefined,
        stop: new AbortController().signal,
      });
      assert.deepEqual(violations, []);
      assert.equal(counts["accepted"], TASKS);
      for (const fault of ["kill replica", "kill executor", ...FAULTS[redis]]) {
        assert.ok((counts[fault] ?? 0) > 0, `${fault}: ${JSON.stringify(counts)}`);
      }
    });
  });
}
