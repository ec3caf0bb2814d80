// What a worker of `mocha --parallel` tells. Mocha's own reporter of workers keeps everything until its file has ended; this one prints a
// failure when it happens, and passes the reason of a skip and the time of the file on to mocha-reporter.cjs.
const Buffered = require("mocha/lib/nodejs/reporters/parallel-buffered.cjs");
const { SerializableEvent } = require("mocha/lib/nodejs/serializer.js");
const { FILE_TIME, printFailure, reasonOf } = require("./mocha-reporter.cjs");

// A worker takes the next file at once. Its loading counts too.
let since = performance.timeOrigin;

module.exports = class WorkerReporter extends Buffered {
  createListener(name) {
    if (name === "fail") this.runner.on(name, printFailure);
    if (name !== "pending") return super.createListener(name);
    const listener = (test) => {
      const reason = reasonOf(test);
      // An event has room for a test and an error.
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
