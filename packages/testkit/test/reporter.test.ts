import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { eventually } from "../src/index.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const MOCHA = ["--import", "tsx", "node_modules/mocha/bin/mocha.js", "--no-config", "--timeout", "120000"];

for (const { how, flags, failed } of [
  { how: "one file after the other", flags: [], failed: 2 },
  // The failure of a file that has not ended is printed, but not counted.
  { how: "two files side by side", flags: ["--parallel", "--jobs", "2"], failed: 1 },
]) {
  describe(`the reporter, ${how}`, function () {
    this.timeout(60_000);

    const run = (...files: string[]) => {
      const paths = files.map((file) => `packages/testkit/test/reporter/${file}`);
      const reporter = ["--reporter", "./mocha-reporter.cjs", ...paths];
      // With CI set, mocha prints colours into a pipe too.
      const env = { ...process.env, NO_COLOR: "1" };
      const child = spawn(process.execPath, [...MOCHA, ...flags, ...reporter], { cwd: ROOT, detached: true, env });
      let output = "";
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (output += data));
      const exited = once(child, "close");
      const kill = (signal: NodeJS.Signals = "SIGKILL") => process.kill(-(child.pid ?? 0), signal);
      return { output: () => output, exited, kill };
    };

    it("prints a failure in full, with its file, while the file still runs", async () => {
      const tests = run("fails-then-hangs.ts");
      try {
        await eventually(() => {
          assert.match(tests.output(), /FAILED in packages\/testkit\/test\/reporter\/fails-then-hangs\.ts/);
          assert.match(
            tests.output(),
            /a file\s+fails at once:\s+AssertionError[^]*41[^]*42[^]*fails-then-hangs\.ts:4:/,
          );
        });
        assert.doesNotMatch(tests.output(), /\d+ passed/);
      } finally {
        tests.kill();
        await tests.exited;
      }
    });

    it("counts and names the tests that had ended when it is interrupted", async () => {
      const tests = run("fails.ts", "skips.ts", "fails-then-hangs.ts");
      try {
        await eventually(() => assert.match(tests.output(), /fails-then-hangs\.ts:4:/));
        await eventually(() => assert.match(tests.output(), /✔ passes/));
        // The report of a file that has ended numbers its failures.
        await eventually(() => assert.match(tests.output(), /\d\) fails too/));
      } finally {
        // Ctrl-C sends the same signal.
        tests.kill("SIGINT");
      }
      await tests.exited;
      const [, end = "", ...again] = tests.output().split("INTERRUPTED");
      assert.equal(again.length, 0);
      assert.match(end, /1\) a file that ends[^]*3 skipped:/);
      assert.match(end, new RegExp(`\n1 passed, ${failed} failed\n`));
    });

    it("repeats each failed test in one line at the end, with its file and the beginning of its error", async () => {
      const tests = run("fails.ts", "skips.ts");
      await tests.exited;
      const end = tests.output().trimEnd().split("\n").slice(-2);
      assert.deepEqual(end, [
        "failed: packages/testkit/test/reporter/fails.ts: a file that ends fails too: Expected values to be strictly equal: 1 !== 2",
        "1 passed, 1 failed",
      ]);
    });

    it("counts and names the skipped tests at the end, with the reason where the test gives one", async () => {
      const tests = run("skips.ts");
      await tests.exited;
      const end = tests.output().trimEnd().split("\n").slice(-5);
      assert.deepEqual(end, [
        "3 skipped:",
        "  a suite is skipped with a reason (no such tool)",
        "  a suite is skipped without one",
        "  a suite whose hook skips it is skipped too (no such machine)",
        "1 passed, 0 failed",
      ]);
    });
  });
}
