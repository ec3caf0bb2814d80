import assert from "node:assert/strict";
import { steadyRows } from "./table.js";

interface Row {
  readonly id: string;
  readonly state: string;
}
const row = (id: string, state = "waits"): Row => ({ id, state });
const steady = (shown: readonly Row[], newest: readonly Row[], hasMore = false) =>
  steadyRows(shown, newest, ({ id }) => id, hasMore);

describe("Rows of a table that somebody reads", () => {
  it("stay in place when new ones come above, which are counted", () => {
    const { rows, waiting } = steady([row("b"), row("c")], [row("x"), row("a"), row("b"), row("c")]);
    assert.deepEqual([rows.map(({ id }) => id), waiting], [["b", "c"], 2]);
  });

  it("change their values at once", () => {
    assert.equal(steady([row("b")], [row("b", "runs")]).rows[0]?.state, "runs");
  });

  it("stay when they have gone, so that nothing moves", () => {
    const { rows } = steady([row("b"), row("c")], [row("c")]);
    assert.deepEqual(
      rows.map(({ id }) => id),
      ["b", "c"],
    );
  });

  it("are not counted when rows between them and the newest were not read", () => {
    const newest = [row("y"), row("x")];
    assert.equal(steady([row("b")], newest, true).waiting, Number.POSITIVE_INFINITY);
    assert.equal(steady([row("b")], newest, false).waiting, 2, "all were read");
  });

  it("are followed by the rows of the next page", () => {
    const { rows, waiting } = steady([row("a")], [row("a"), row("b")]);
    assert.deepEqual([rows.map(({ id }) => id), waiting], [["a", "b"], 0]);
  });
});
