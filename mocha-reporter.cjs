// Mocha's usual output, then what was skipped, then one plain line for people and scripts: `N passed, N failed`.
const { reporters } = require("mocha");

// Long enough for whatever closes by itself; a run that does not end says what keeps it.
const GRACE_MS = 15_000;

module.exports = class Reporter extends reporters.Spec {
  skipped = [];

  constructor(runner, options) {
    super(runner, options);
    runner.on("pending", (test) => this.skipped.push(test.fullTitle()));
  }

  epilogue() {
    super.epilogue();
    for (const title of this.skipped) console.log(`skipped: ${title}`);
    console.log(`${this.stats.passes} passed, ${this.stats.failures} failed`);
    setTimeout(() => {
      console.error(`the tests are over, but something was left open: ${process.getActiveResourcesInfo().join(", ")}`);
      process.exit(1);
    }, GRACE_MS).unref();
  }
};
