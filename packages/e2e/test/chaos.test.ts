import assert from "node:assert/strict";
import { type LeakCheck, leakCheck } from "@ccsp/testkit";
import { runChaos } from "../chaos/run.js";

/** Chosen at random and kept: it decides which faults come, so the run is as much the same as it can be. */
const SEED = "2026-11-25";

describe("600 tasks while replicas, executors, links and Redis fail (make chaos has 10,000)", function () {
  this.timeout(150_000);
  let leaks: LeakCheck;
  before(() => void (leaks = leakCheck()));
  after(() => leaks.check());

  it("ends each accepted task exactly once, and every side saw the same", async () => {
    const { violations, counts } = await runChaos({
      ...{ redis: "standalone", replicas: 2, executors: 3, seed: SEED, tasks: 600 },
      // A task that meets a rate limit four times in a row waits for up to 75 s in all.
      ...{ chaosMs: 8_000, faultEveryMs: 320, drainMs: 100_000, watchedShare: 0.2 },
      ...{ print: () => undefined, stop: new AbortController().signal },
    });
    assert.deepEqual(violations, []);
    assert.equal(counts["accepted"], 600);
    for (const fault of ["kill replica", "kill executor", "restart redis"]) {
      assert.ok((counts[fault] ?? 0) > 0, `${fault}: ${JSON.stringify(counts)}`);
    }
  });
});
