import assert from "node:assert/strict";
import { parseListen } from "./listen.js";

describe("a listen address", () => {
  it("is a host and a port", () => {
    assert.deepEqual(parseListen("127.0.0.1:3001"), { host: "127.0.0.1", port: 3001 });
    assert.deepEqual(parseListen("queue.local:65535"), { host: "queue.local", port: 65_535 });
  });

  it("has a v6 address in brackets, and gives it without", () => {
    assert.deepEqual(parseListen("[::1]:3001"), { host: "::1", port: 3001 });
    assert.deepEqual(parseListen("[::]:0"), { host: "::", port: 0 });
  });

  it("is nothing else", () => {
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
    ]) {
      assert.equal(parseListen(text), undefined, text);
    }
  });
});
