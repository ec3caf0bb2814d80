import assert from "node:assert/strict";
import { fingerprint } from "./address.js";

describe("the fingerprint of addresses", () => {
  it("is the same in any order", () => {
    const [a, b] = [
      { host: "a", port: 1 },
      { host: "b", port: 2 },
    ];
    assert.equal(fingerprint([a, b]), fingerprint([b, a]));
    assert.notEqual(fingerprint([a, b]), fingerprint([a]));
  });
});
