// Mocha's usual output, and each failure in full when it happens: a run that is interrupted has said why. At the end what was
// skipped, then one plain line for people and scripts: `N passed, N failed`.
const { relative } = require("node:path");
const { reporters } = require("mocha");

// Long enough for whatever closes by itself; a run that does not end says what keeps it.
const GRACE_MS = 15_000;

class Reporter extends reporters.Spec {
  skipped = [];

  constructor(runner, options) {
    super(runner, options);
    // Side by side, the workers print failures: here they arrive when their file has ended.
    if (runner.isParallelMode()) runner.workerReporter(require.resolve("./mocha-worker-reporter.cjs"));
    else runner.on("fail", printFailure);
    runner.on("pending", (test, reason) => this.skipped.push({ test, why: reason?.message ?? reasonOf(test) }));
  }

  epilogue() {
    super.epilogue();
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

module.exports = Object.assign(Reporter, { printFailure, reasonOf });
