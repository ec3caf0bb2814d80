import assert from "node:assert/strict";
import { inTurn } from "./in-turn.js";

describe("work in turn", () => {
  /** Work that goes on until the test ends it. */
  function gated() {
    const ends: ((error?: Error) => void)[] = [];
    const turn = inTurn(
      () => new Promise((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve()))),
    );
    return { turn, ends };
  }

  it("begins at once, and once more for all who ask while it is in progress", async () => {
    const { turn, ends } = gated();
    const first = turn();
    const others = [turn(), turn()];
    assert.equal(ends.length, 1);
    ends[0]?.();
    await first;
    await new Promise(setImmediate);
    assert.equal(ends.length, 2, "the others share one turn, and it begins after the first");
    ends[1]?.();
    await Promise.all(others);
    assert.equal(ends.length, 2);
  });

  it("reports a failure only to those whose turn it was", async () => {
    const { turn, ends } = gated();
    const first = turn();
    const second = turn();
    ends[0]?.(new Error("away"));
    await assert.rejects(first, /away/);
    await new Promise(setImmediate);
    ends[1]?.();
    await second;
  });
});
