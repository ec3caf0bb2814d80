import assert from "node:assert/strict";
import { mock } from "node:test";
import { followToEnd } from "./follow.js";
import type { LiveListener, LiveRequest } from "./live.js";

describe("following a log or an output", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
  afterEach(() => mock.timers.reset());

  function following() {
    const asked: LiveRequest[] = [];
    const listeners: LiveListener[] = [];
    let left = 0;
    let ends = 0;
    const live = {
      subscribe(request: LiveRequest, listener: LiveListener) {
        asked.push(request);
        listeners.push(listener);
        return () => void (left += 1);
      },
    };
    const leave = followToEnd(live, () => ({ topic: "log", after: String(asked.length) }), {
      onEvent: () => undefined,
      onEnd: () => void (ends += 1),
    });
    const newest = (): LiveListener => listeners.at(-1) ?? assert.fail("nothing was asked for");
    return { leave, newest, asked, left: () => left, ends: () => ends };
  }

  it("asks again two seconds after it broke off, and has not ended", () => {
    const { newest, asked, left, ends } = following();
    for (const [tried, reason] of ["SLOW_READER", "CALLER_LIMIT", "DEPENDENCY_UNAVAILABLE"].entries()) {
      newest().onEnded?.(reason);
      mock.timers.tick(1_999);
      assert.equal(asked.length, tried + 1);
      mock.timers.tick(1);
      assert.deepEqual([asked.at(-1), left(), ends()], [{ topic: "log", after: String(tried + 1) }, tried + 1, 0]);
    }
    newest().onRefused?.("CALLER_LIMIT", "…");
    mock.timers.tick(2_000);
    assert.deepEqual([asked.length, ends()], [5, 0]);
  });

  it("has ended when all was sent, and when a second request would get the same answer", () => {
    for (const reason of [undefined, "TASK_NOT_FOUND", "RUN_NOT_FOUND", "SCOPE_MISSING"]) {
      const { newest, asked, ends } = following();
      newest().onEnded?.(reason);
      mock.timers.tick(60_000);
      assert.deepEqual([asked.length, ends()], [1, 1], reason);
    }
  });

  it("asks no more once it was left", () => {
    const { leave, newest, asked } = following();
    newest().onEnded?.("SLOW_READER");
    leave();
    mock.timers.tick(60_000);
    assert.equal(asked.length, 1);
  });
});
