import assert from "node:assert/strict";
import { pageTokenAfter, readPageToken } from "./page-token.js";

describe("a page token", () => {
  it("names the last task of its page", () => {
    const id = "0-01k7h8zq3v5c9m2n4p6r8s0t1w";
    assert.equal(readPageToken(pageTokenAfter(id)), id);
    assert.equal(readPageToken(""), undefined);
  });

  it("is refused when this service did not issue it", () => {
    for (const token of ["x", "!!", pageTokenAfter("../tasks"), `${pageTokenAfter("0-1")}0`]) {
      assert.throws(() => readPageToken(token), { reason: "INVALID_FIELD" }, token);
    }
  });
});
