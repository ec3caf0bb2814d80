// Mocha's usual output, with two additions. It prints each failure in full when it happens, so an interrupted run has
// already printed its failures. At the end, it prints the slowest files, the skipped tests, a line for each failed test,
// and one plain line for people and scripts: `N passed, N failed`. It does so for an interrupted run too.
const { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const { dirname, relative } = require("node:path");
const { reporters } = require("mocha");

// How long the process may live after the tests, so that everything that closes by itself can close. After that, it
// prints what keeps it alive, and fails.
const GRACE_MS = 15_000;
const SLOWEST = 10;
/** The seconds that the last run of each file took, for .ci/shape.mjs. */
const SECONDS = ".tools/log/test-seconds.json";
/** After a SIGINT, mocha's main process sends this process both signals, unless files run side by side. */
const SIGNALS = ["SIGINT", "SIGTERM"];
/** The event with which a worker of `mocha --parallel` reports the time of a file (mocha-worker-reporter.cjs). */
const FILE_TIME = "ccsp file time";

class Reporter extends reporters.Spec {
  skipped = [];
  /** How long each file took, in ms. */
  times = new Map();
  current = { file: undefined, since: 0 };

  constructor(runner, options) {
    super(runner, options);
    runner.on("pending", (test, reason) => this.skipped.push({ test, why: reason?.message ?? reasonOf(test) }));
    if (runner.isParallelMode()) {
      // The workers print failures, because a failure arrives here only when its file has ended.
      runner.workerReporter(require.resolve("./mocha-worker-reporter.cjs"));
      runner.on(FILE_TIME, ({ file, ms }) => this.times.set(file, ms));
    } else {
      runner.on("fail", printFailure);
      for (const event of ["suite", "test"]) runner.on(event, ({ file }) => file && this.enterFile(file));
    }
    const interrupted = () => {
      this.stats.duration = Date.now() - this.stats.start;
      console.log(
        "\nINTERRUPTED. Side by side, only files that had ended are counted; failures of the others are printed above.",
      );
      this.epilogue();
      release();
      if (!runner.isParallelMode()) process.exit(130);
    };
    const release = () => {
      for (const signal of SIGNALS) process.removeListener(signal, interrupted);
    };
    for (const signal of SIGNALS) process.on(signal, interrupted);
    runner.once("end", release);
  }

  enterFile(file) {
    const now = Date.now();
    const { file: left, since } = this.current;
    if (file === left) return;
    if (left) this.times.set(left, (this.times.get(left) ?? 0) + now - since);
    this.current = { file, since: now };
  }

  epilogue() {
    this.enterFile(undefined);
    super.epilogue();
    const slow = [...this.times].filter(([, ms]) => ms >= 1000).sort(([, one], [, other]) => other - one);
    if (slow.length > 0) console.log("the slowest files:");
    for (const [file, ms] of slow.slice(0, SLOWEST))
      console.log(`${(ms / 1000).toFixed(1).padStart(7)} s  ${relative(process.cwd(), file)}`);
    keep(this.times);
    if (this.skipped.length > 0) console.log(`${this.skipped.length} skipped:`);
    for (const { test, why } of this.skipped) console.log(`  ${test.fullTitle()}${why ? ` (${why})` : ""}`);
    for (const test of this.failures) {
      const message = String(test.err?.message ?? test.err)
        .replaceAll(/\s+/g, " ")
        .trim();
      console.log(`failed: ${fileOf(test)}: ${test.fullTitle()}: ${message.slice(0, 300)}`);
    }
    console.log(`${this.stats.passes} passed, ${this.stats.failures} failed`);
    setTimeout(() => {
      console.error(`the tests are over, but something was left open: ${process.getActiveResourcesInfo().join(", ")}`);
      process.exit(1);
    }, GRACE_MS).unref();
  }
}

/** Keeps the times for .ci/shape.mjs. Other runs may do so at the same moment. That it fails is no failure of a test. */
function keep(times) {
  try {
    const known = existsSync(SECONDS) ? JSON.parse(readFileSync(SECONDS, "utf8")) : {};
    for (const [file, ms] of times) {
      const name = relative(process.cwd(), file);
      if (!name.startsWith("..")) known[name] = Math.round(ms / 100) / 10;
    }
    mkdirSync(dirname(SECONDS), { recursive: true });
    writeFileSync(`${SECONDS}.${process.pid}`, JSON.stringify(known));
    renameSync(`${SECONDS}.${process.pid}`, SECONDS);
  } catch {}
}

/** Prints a failure in the form of mocha's list at the end. */
function printFailure(test, error) {
  console.log(`\n  FAILED in ${fileOf(test)}`);
  reporters.Base.list([{ titlePath: () => test.titlePath(), err: error }]);
}

function fileOf(test) {
  const file = test.file ?? test.parent?.file;
  return file ? relative(process.cwd(), file) : "no file";
}

/** The reason that `skip` of @ccsp/testkit gave for the test, or for the suite whose hook skipped it. */
function reasonOf(test) {
  for (let at = test; at; at = at.parent) if (at.skipReason) return at.skipReason;
  return undefined;
}

module.exports = Object.assign(Reporter, { FILE_TIME, printFailure, reasonOf });
