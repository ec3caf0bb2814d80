import assert from "node:assert/strict";
import type { Identity } from "@ccsp/identity";
import { createVerifiedTokens } from "./verified-tokens.js";

const until = (ms: number): Identity => {
  return { kind: "agent", subject: "alice", scopes: ["tasks:read"], proof: "token", expireTime: new Date(ms) };
};
const alice = until(3_600_000);

describe("verified tokens", () => {
  it("are known for a minute, and for no longer than they are valid", () => {
    const tokens = createVerifiedTokens();
    tokens.keep("long", alice, 0);
    const brief = until(10_000);
    tokens.keep("short", brief, 0);
    assert.equal(tokens.find("long", 59_999), alice);
    assert.equal(tokens.find("long", 60_000), undefined);
    assert.equal(tokens.find("short", 9_999), brief);
    assert.equal(tokens.find("short", 10_000), undefined);
  });

  it("match the whole token only", () => {
    const tokens = createVerifiedTokens();
    tokens.keep("header.payload.signature", alice, 0);
    assert.equal(tokens.find("header.payload.", 0), undefined);
    assert.equal(tokens.find("header.payload.signaturf", 0), undefined);
  });

  it("stay while they are used, however many others come", () => {
    const tokens = createVerifiedTokens();
    tokens.keep("hot", alice, 0);
    for (let index = 0; index < 10_000; index += 1) {
      tokens.keep(`stranger-${index}`, alice, 0);
      assert.equal(tokens.find("hot", 0), alice, `after ${index + 1} other tokens`);
    }
  });

  it("are limited in number, where the least recently used goes first, and in size", () => {
    const tokens = createVerifiedTokens();
    for (let index = 0; index <= 1_000; index += 1) tokens.keep(`token-${index}`, alice, 0);
    assert.equal(tokens.find("token-0", 0), undefined);
    assert.equal(tokens.find("token-1", 0), alice);
    assert.equal(tokens.find("token-1000", 0), alice);
    tokens.keep("x".repeat(2_049), alice, 0);
    assert.equal(tokens.find("x".repeat(2_049), 0), undefined);
  });
});
