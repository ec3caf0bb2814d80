import assert from "node:assert/strict";
import { fingerprint, formatAddress, parseAddress } from "./address.js";

describe("an address", () => {
  it("reads as it is written, with brackets around IPv6", () => {
    for (const text of ["127.0.0.1:3001", "queue-0.queue:3001", "[::1]:3001"]) {
      const address = parseAddress(text);
      assert.ok(address, text);
      assert.equal(formatAddress(address), text);
    }
  });

  it("is nothing without a host, with a port out of range, or with more than both", () => {
    for (const text of [
      "",
      ":3001",
      "queue",
      "queue:0",
      "queue:65536",
      "::1:3001",
      "http://queue:3001",
      "a:1,b:2",
      "a:1/x",
    ]) {
      assert.equal(parseAddress(text), undefined, text);
    }
  });

  it("makes the same set in another order the same", () => {
    const [a, b] = [
      { host: "a", port: 1 },
      { host: "b", port: 2 },
    ];
    assert.equal(fingerprint([a, b]), fingerprint([b, a]));
    assert.notEqual(fingerprint([a, b]), fingerprint([a]));
  });
});
