import assert from "node:assert/strict";
import { formatHostPort, parseHostPort } from "./host-port.js";

describe("an address", () => {
  it("is a host and a port", () => {
    assert.deepEqual(parseHostPort("127.0.0.1:3001"), { host: "127.0.0.1", port: 3001 });
    assert.deepEqual(parseHostPort("queue-0.queue:65535"), { host: "queue-0.queue", port: 65_535 });
  });

  it("has a v6 address in brackets, and returns it without brackets", () => {
    assert.deepEqual(parseHostPort("[::1]:3001"), { host: "::1", port: 3001 });
    assert.deepEqual(parseHostPort("[fe80::1%eth0]:3001"), { host: "fe80::1%eth0", port: 3001 });
  });

  it("is written as it is read", () => {
    for (const text of ["queue-0.queue:3001", "[::1]:3001"]) {
      assert.equal(formatHostPort(parseHostPort(text) ?? assert.fail()), text);
    }
  });

  it("may have port 0 only for a listener", () => {
    assert.deepEqual(parseHostPort("[::]:0", { lowest: 0 }), { host: "::", port: 0 });
    assert.equal(parseHostPort("queue:0"), undefined);
  });

  it("may omit its port where there is a default", () => {
    assert.deepEqual(parseHostPort("redis", { defaultPort: 6379 }), { host: "redis", port: 6379 });
    assert.deepEqual(parseHostPort("[::1]:1", { defaultPort: 6379 }), { host: "::1", port: 1 });
  });

  it("is not any other text", () => {
    for (const text of [
      "",
      "3001",
      ":3001",
      "host",
      "host:",
      "host:x",
      "host:-1",
      "host:65536",
      "::1:3001",
      "[host]:1",
      "http://h:1",
      "a:1,b:2",
      "a:1/x",
      "a b:1",
    ]) {
      assert.equal(parseHostPort(text), undefined, text);
    }
  });
});
