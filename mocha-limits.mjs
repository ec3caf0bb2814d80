// Loaded into each process of mocha (.mocharc.json). The time limits of tests and hooks follow the machine's slowness:
// packages/testkit/src/time-limit.ts. Mocha has no setting for that, so its timer and its last check are replaced. Of
// what is used here, only `timeout()` is documented; packages/testkit/test/time-limit.test.ts fails when a new mocha has
// none of it.
import { createRequire } from "node:module";
import { slowness, startTimeLimit } from "./packages/testkit/src/time-limit.ts";

const { Runnable } = createRequire(import.meta.url)("mocha");
const clearOwn = Runnable.prototype.clearTimeout;
const errorOfTimeout = Runnable.prototype._timeoutError;

Runnable.prototype.resetTimeout = function resetTimeout() {
  this.clearTimeout();
  const ms = this.timeout();
  if (ms === 0) return;
  this.stopLimit = startTimeLimit(ms, () => {
    if (this.timeout() === 0) return;
    this.callback(errorOfTimeout.call(this, ms));
    this.timedOut = true;
  });
};

Runnable.prototype.clearTimeout = function clearTimeout() {
  this.stopLimit?.();
  clearOwn.call(this);
};

// Mocha asks for this error when a test has ended and took longer than its limit, whatever timer it had. Where the timer
// above ran, it has judged already. A test without a promise has none, because nothing can interrupt it.
Runnable.prototype._timeoutError = function lateError(ms) {
  const isLate = this.stopLimit === undefined && this.duration > ms * slowness();
  return isLate ? errorOfTimeout.call(this, ms) : undefined;
};
