// The reporter of a worker of `mocha --parallel`. Mocha's own reporter for workers holds everything until the file has
// ended. This one prints a failure when it happens. It also passes the reason of each skipped test and the time of the
// file to mocha-reporter.cjs.
const Buffered = require("mocha/lib/nodejs/reporters/parallel-buffered.cjs");
const { SerializableEvent } = require("mocha/lib/nodejs/serializer.js");
const { FILE_TIME, printFailure, reasonOf } = require("./mocha-reporter.cjs");

// When the current file began. A worker takes the next file at once, so a file's time includes its loading.
let since = performance.timeOrigin;

module.exports = class WorkerReporter extends Buffered {
  createListener(name) {
    if (name === "fail") this.runner.on(name, printFailure);
    if (name !== "pending") return super.createListener(name);
    const listener = (test) => {
      const reason = reasonOf(test);
      // An event can hold only a test and an error. So the reason is sent as an error.
      this.events.push(SerializableEvent.create(name, test, reason && new Error(reason)));
    };
    this.listeners.set(name, listener);
    return listener;
  }

  done(failures, callback) {
    const { suites, tests } = this.runner.suite;
    const file = (suites[0] ?? tests[0])?.file;
    const now = Date.now();
    if (file) this.events.push(SerializableEvent.create(FILE_TIME, { file, ms: now - since }));
    since = now;
    super.done(failures, callback);
  }
};
