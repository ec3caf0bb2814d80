import assert from "node:assert/strict";
import { afterSignal, type Signal, type Window } from "./window.js";

const LOGIN = { engine: "e", account: "team" };
const HOUR_MS = 3_600_000;
const RESET_MS = 5 * HOUR_MS;
type Said = Partial<Signal> & { readonly at: number };

/** The window after these signals. Each has the state `open` and the same reset time, unless it says another. */
function after(...said: readonly [Said, ...Said[]]): Window {
  let window: Window | undefined;
  for (const { at, ...more } of said) {
    const signal = { live: true, state: "open", resetMs: RESET_MS, share: undefined, lengthMs: RESET_MS } as const;
    window = afterSignal(LOGIN, window, { ...signal, name: "five_hour", ...more }, at);
  }
  return window ?? assert.fail();
}
const shown = ({ state, share, shareMs, resets, resetMs }: Window) => ({ state, share, shareMs, resets, resetMs });

describe("a usage window", () => {
  const known = { state: "open", share: 0.6, shareMs: 2, resets: 0, resetMs: RESET_MS };

  it("keeps what answers have told when a run ends and tells what it heard long before", () => {
    const [live, end] = [
      { at: 2, share: 0.6 },
      { at: 3, share: 0.5, live: false },
    ];
    assert.deepEqual(shown(after(live, end)), known);
    // Less than half would be a new period, if an answer told it.
    assert.deepEqual(shown(after(live, { ...end, share: 0.1 })), known);
    assert.deepEqual(shown(after(live, { ...end, share: undefined })), known);
    assert.equal(after({ ...live, state: "closed" }, { ...end, state: "open" }).state, "closed");
  });

  it("takes from the end of a run that more is used, such as that the window is closed", () => {
    const live = { at: 2, share: 0.6 };
    assert.deepEqual(shown(after(live, { at: 3, share: 0.7, live: false })), { ...known, share: 0.7, shareMs: 3 });
    const closed = { at: 3, state: "closed", live: false } as const;
    assert.deepEqual(shown(after(live, closed)), { ...known, state: "closed" });
    assert.deepEqual(shown(after(live, { ...closed, share: 0.1 })), { ...known, state: "closed" });
  });

  it("takes every later answer, also one that says that less is used", () => {
    assert.equal(after({ at: 2, share: 0.6 }, { at: 3, share: 0.5 }).share, 0.5);
    const turned = after({ at: 2, share: 0.6 }, { at: 3, share: 0.1 });
    assert.deepEqual([turned.share, turned.resets], [0.1, 1]);
  });

  it("does not take an answer that is older than what is known", () => {
    assert.deepEqual(shown(after({ at: 2, share: 0.6 }, { at: 1, share: 0.9 })), known);
  });

  it("begins a new period when the end of a run tells of a later reset time", () => {
    const resetMs = RESET_MS + HOUR_MS;
    const turned = after({ at: 2, share: 0.6 }, { at: 3, share: 0.1, resetMs, live: false });
    assert.deepEqual([turned.share, turned.resets, turned.resetMs], [0.1, 1, resetMs]);
    const seconds = { at: 3, share: 0.1, resetMs: RESET_MS + 5_000, live: false };
    assert.deepEqual(shown(after({ at: 2, share: 0.6 }, seconds)), known, "providers move it by seconds");
  });

  it("is not taken back to a period that is over by a run that heard of it", () => {
    const [last, next] = [RESET_MS - 1, RESET_MS + 1];
    const live = { at: next, share: 0.01, resetMs: 2 * RESET_MS };
    const old = { at: next + 1, share: 0.95, live: false };
    const { share, resets, resetMs } = after({ at: last, share: 0.9 }, live, old);
    assert.deepEqual([share, resets, resetMs], [0.01, 1, 2 * RESET_MS]);
    assert.equal(after({ at: last, share: 0.9 }, old).resets, 0, "also when nothing was said of the next one yet");
  });

  it("takes what runs tell at their ends, as before, while no answer tells it", () => {
    const ends = after({ at: 2, share: 0.6, live: false }, { at: 3, share: 0.5, live: false });
    assert.equal(ends.share, 0.5);
    const turned = after({ at: 2, share: 0.6, live: false }, { at: 3, share: 0.1, live: false });
    assert.deepEqual([turned.share, turned.resets], [0.1, 1]);
    // The live signal was of the period before.
    const next = { at: RESET_MS + 1, share: 0.6, resetMs: 2 * RESET_MS, live: false };
    assert.equal(after({ at: 2, share: 0.9 }, next, { ...next, at: RESET_MS + 2, share: 0.5 }).share, 0.5);
  });
});
