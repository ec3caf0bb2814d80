// Mocha's usual output, and each failure in full when it happens: a run that is interrupted has said why. At the end, also of an
// interrupted run, the slowest files, what was skipped, and one plain line for people and scripts: `N passed, N failed`.
const { relative } = require("node:path");
const { reporters } = require("mocha");

// Long enough for whatever closes by itself; a run that does not end says what keeps it.
const GRACE_MS = 15_000;
const SLOWEST = 10;
/** Mocha makes the second of the first. */
const SIGNALS = ["SIGINT", "SIGTERM"];
/** A worker of `mocha --parallel` says it (mocha-worker-reporter.cjs). */
const FILE_TIME = "ccsp file time";

class Reporter extends reporters.Spec {
  skipped = [];
  /** In milliseconds, by file. */
  times = new Map();
  current = { file: undefined, since: 0 };

  constructor(runner, options) {
    super(runner, options);
    runner.on("pending", (test, reason) => this.skipped.push({ test, why: reason?.message ?? reasonOf(test) }));
    if (runner.isParallelMode()) {
      runner.workerReporter(require.resolve("./mocha-worker-reporter.cjs"));
      runner.on(FILE_TIME, ({ file, ms }) => this.times.set(file, ms));
    } else {
      // Side by side, the workers print failures: here they arrive when their file has ended.
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
    if (this.skipped.length > 0) console.log(`${this.skipped.length} skipped:`);
    for (const { test, why } of this.skipped) console.log(`  ${test.fullTitle()}${why ? ` (${why})` : ""}`);
    console.log(`${this.stats.passes} passed, ${this.stats.failures} failed`);
    setTimeout(() => {
      console.error(`the tests are over, but something was left open: ${process.getActiveResourcesInfo().join(", ")}`);
      process.exit(1);
    }, GRACE_MS).unref();
  }
}

/** In the form of mocha's list at the end. */
function printFailure(test, error) {
  const file = test.file ?? test.parent?.file;
  console.log(`\n  FAILED${file ? ` in ${relative(process.cwd(), file)}` : ""}`);
  reporters.Base.list([{ titlePath: () => test.titlePath(), err: error }]);
}

/** What `skip` of @ccsp/testkit said of the test, or of the suite whose hook skipped it. */
function reasonOf(test) {
  for (let at = test; at; at = at.parent) if (at.skipReason) return at.skipReason;
  return undefined;
}

module.exports = Object.assign(Reporter, { FILE_TIME, printFailure, reasonOf });
