import assert from "node:assert/strict";
import { sparkline } from "./sparkline.js";

describe("sparkline", () => {
  it("draws each number by its share of the largest, and nothing for zero", () => {
    assert.equal(sparkline([0, 1, 4, 8]), " ▁▄█");
    assert.equal(sparkline([0, 0]), "  ");
    assert.equal(sparkline([]), "");
    assert.equal(sparkline([1e-9, 5]), "▁█");
  });
});
