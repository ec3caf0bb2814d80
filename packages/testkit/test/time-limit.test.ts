import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { slowness, startTimeLimit } from "../src/time-limit.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const MOCHA = ["--import", "tsx", "node_modules/mocha/bin/mocha.js", "--no-config", "--require", "./mocha-limits.mjs"];

/** After how long a limit of 40 ms is over, when the measurements say this. */
async function lengthOf(...measured: number[]): Promise<number> {
  const began = performance.now();
  await new Promise<void>((resolve) => startTimeLimit(40, resolve, () => measured.shift() ?? 1));
  return performance.now() - began;
}

/** Runs a file with a test that fails. */
async function prints(file: string, output: RegExp): Promise<void> {
  const run = promisify(execFile)(process.execPath, [...MOCHA, `packages/testkit/test/reporter/${file}`], {
    cwd: ROOT,
  });
  await assert.rejects(run, (error: { stdout: string }) => {
    assert.match(error.stdout, output);
    return true;
  });
}

describe("a time limit of a test", () => {
  it("is as much longer as the machine is slower, by the mean of what was measured meanwhile", async () => {
    assert.ok((await lengthOf(1)) >= 39);
    assert.ok((await lengthOf(3, 3)) >= 119);
    assert.ok((await lengthOf(4, 2, 3)) >= 119);
  });

  it("counts nothing when it is stopped", async () => {
    const stop = startTimeLimit(1, () => assert.fail("it was stopped"));
    stop();
    await lengthOf(1);
  });

  it("is never shorter than it says: the measured slowness is at least 1", () => {
    assert.ok(slowness() >= 1);
  });

  it("still ends a test of mocha that does not end", () =>
    prints("never-ends.ts", /1 failing[^]*Timeout of 50ms exceeded/));

  it("lets a test of mocha end as late as the machine is slow, and no later", () =>
    prints("late-on-slow-machine.ts", /2 passing[^]*1 failing[^]*does not end in time even so:[^]*Timeout of 10ms/));
});
