import assert from "node:assert/strict";
import { createLineSplitter, LineTooLong } from "./line-splitter.js";

describe("the line splitter", () => {
  it("keeps no more of a line than its limit", () => {
    const splitter = createLineSplitter(4);
    assert.deepEqual([...splitter.push(Buffer.from("abcd\nab"))].map(String), ["abcd"]);
    assert.throws(() => [...splitter.push(Buffer.from("cde"))], LineTooLong);
  });

  it("gives the rest after the last end of line", () => {
    const splitter = createLineSplitter(10);
    assert.deepEqual([...splitter.push(Buffer.from("a\n\nb"))].map(String), ["a", ""]);
    assert.equal(splitter.rest().toString(), "b");
  });
});
