import assert from "node:assert/strict";

describe("a file", () => {
  it("fails at once", () => assert.deepEqual({ answer: 41 }, { answer: 42 }));
  it("hangs", () => new Promise((resolve) => setTimeout(resolve, 60_000)));
});
