import assert from "node:assert/strict";
import { pause } from "./pause.js";
import { type Timer, within } from "./within.js";

const never = new Promise<never>(() => {});

/** A clock that only `pass` moves. */
function clock() {
  const seen: (number | "stopped")[] = [];
  const time = { pass: () => {}, seen };
  const timer: Timer = (ms, act) => {
    seen.push(ms);
    time.pass = act;
    return () => seen.push("stopped");
  };
  return { time, timer };
}

describe("within", () => {
  it("returns the work's result, then stops its timer and aborts what may still wait", async () => {
    const { time, timer } = clock();
    const over = new AbortController();
    const answer = within(50, Promise.resolve(7), () => "late", { timer, over });
    assert.deepEqual([time.seen, over.signal.aborted], [[50], false]);
    assert.equal(await answer, 7);
    assert.deepEqual([time.seen, over.signal.aborted], [[50, "stopped"], true]);
  });

  it("rejects as the work does, and stops its timer", async () => {
    const { time, timer } = clock();
    const work = Promise.reject(new Error("no"));
    await assert.rejects(
      within(50, work, () => "late", { timer }),
      /no/,
    );
    assert.deepEqual(time.seen, [50, "stopped"]);
  });

  it("returns or throws the result of `late` when the time is over, and aborts the work", async () => {
    const { time, timer } = clock();
    const over = new AbortController();
    const answer = within(50, never, () => "late", { timer, over });
    time.pass();
    assert.equal(await answer, "late");
    assert.equal(over.signal.aborted, true);
    await assert.rejects(
      within(0, never, () => assert.fail("not within its time")),
      /not within its time/,
    );
  });
});

describe("a pause", () => {
  it("ends without an error when its signal aborts, also before it began", async () => {
    await pause(60_000, AbortSignal.abort());
    const wake = new AbortController();
    const paused = pause(60_000, wake.signal);
    wake.abort();
    await paused;
  });
});
