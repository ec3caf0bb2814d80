import assert from "node:assert/strict";
import { fingerprint, formatAddress } from "./address.js";

describe("an address", () => {
  it("is written with brackets around IPv6", () => {
    assert.equal(formatAddress({ host: "queue-0.queue", port: 3001 }), "queue-0.queue:3001");
    assert.equal(formatAddress({ host: "::1", port: 3001 }), "[::1]:3001");
  });

  it("gives the same set in any order", () => {
    const [a, b] = [
      { host: "a", port: 1 },
      { host: "b", port: 2 },
    ];
    assert.equal(fingerprint([a, b]), fingerprint([b, a]));
    assert.notEqual(fingerprint([a, b]), fingerprint([a]));
  });
});
