import assert from "node:assert/strict";

describe("a file that ends", () => {
  it("fails too", () => assert.equal(1, 2));
});
