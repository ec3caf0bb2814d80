import assert from "node:assert/strict";
import { steadyRows } from "./table.js";

interface Row {
  readonly id: string;
  readonly state: string;
}
const row = (id: string, state = "waits"): Row => ({ id, state });
const steady = (shown: readonly Row[], newest: readonly Row[]) => steadyRows(shown, newest, ({ id }) => id);

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

  it("are followed by the rows of the next page", () => {
    const { rows, waiting } = steady([row("a")], [row("a"), row("b")]);
    assert.deepEqual([rows.map(({ id }) => id), waiting], [["a", "b"], 0]);
  });
});
