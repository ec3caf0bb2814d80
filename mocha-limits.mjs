// Loaded into each process of mocha (.mocharc.json). The time limits of tests and hooks follow the machine's slowness:
// packages/testkit/src/time-limit.ts. Mocha has no setting for that, so its timer is replaced. Of what is used here,
// only `timeout()` is documented; packages/testkit/test/time-limit.test.ts fails when a new mocha has none of it.
import { createRequire } from "node:module";
import { startTimeLimit } from "./packages/testkit/src/time-limit.ts";

const { Runnable } = createRequire(import.meta.url)("mocha");
const clearOwn = Runnable.prototype.clearTimeout;

Runnable.prototype.resetTimeout = function resetTimeout() {
  this.clearTimeout();
  const ms = this.timeout();
  if (ms === 0) return;
  this.stopLimit = startTimeLimit(ms, () => {
    if (this.timeout() === 0) return;
    this.callback(this._timeoutError(ms));
    this.timedOut = true;
  });
};

Runnable.prototype.clearTimeout = function clearTimeout() {
  this.stopLimit?.();
  clearOwn.call(this);
};
