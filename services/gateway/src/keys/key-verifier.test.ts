import assert from "node:assert/strict";
import { formatApiKey, hashOfSecret, newApiKeyId, newApiKeySecret } from "@ccsp/authentication";
import { Refusal } from "@ccsp/errors";
import type { KeyRecord } from "./key-record.js";
import { createKeyVerifier } from "./key-verifier.js";

const MINUTE_MS = 60_000;

function newKey() {
  const id = newApiKeyId();
  const secret = newApiKeySecret(id);
  const record: KeyRecord = {
    id,
    secretHash: hashOfSecret(secret),
    earlier: [],
    name: "",
    subject: "ci",
    scopes: [],
    createdBy: "root",
    createdMs: 0,
    expiresMs: undefined,
    lastUsedMs: undefined,
    revokedMs: undefined,
    rotatedMs: undefined,
  };
  return { id, record, bearer: formatApiKey({ id, secret }) };
}

/** A verifier with a clock and a Redis that the test moves. */
function world() {
  const key = newKey();
  const state = { nowMs: 0, reads: 0, away: false, record: key.record as KeyRecord | undefined, used: 0 };
  const verifier = createKeyVerifier({
    async find() {
      state.reads += 1;
      if (state.away) throw new Refusal("DEPENDENCY_UNAVAILABLE", "away");
      return state.record;
    },
    onUsed: () => void (state.used += 1),
    now: () => state.nowMs,
  });
  return { ...key, state, verifier, verify: () => verifier.verify(key.bearer) };
}
const because = (reason: string) => (error: unknown) => error instanceof Refusal && error.reason === reason;

describe("the verification of API keys", () => {
  it("reads a key once for callers that come together, and again after half a minute", async () => {
    const { state, verify } = world();
    await Promise.all([verify(), verify(), verify()]);
    state.nowMs = MINUTE_MS / 2 - 1;
    await verify();
    assert.equal(state.reads, 1);
    state.nowMs += 1;
    await verify();
    assert.equal(state.reads, 2);
  });

  it("accepts a known key for ten minutes while Redis is away, and no key that it does not know", async () => {
    const { state, verifier, verify } = world();
    await verify();
    state.away = true;
    state.nowMs = 10 * MINUTE_MS - 1;
    await verify();
    await assert.rejects(verifier.verify(newKey().bearer), because("DEPENDENCY_UNAVAILABLE"));
    state.nowMs += 1;
    await assert.rejects(verify(), because("DEPENDENCY_UNAVAILABLE"));
    state.away = false;
    await verify();
  });

  it("trusts nothing that it knew before a change, whether Redis answers or not", async () => {
    const { state, verifier, verify } = world();
    await verify();
    verifier.forget();
    state.away = true;
    await assert.rejects(verify(), because("DEPENDENCY_UNAVAILABLE"));
    state.away = false;
    state.record = { ...newKey().record };
    await assert.rejects(verify(), because("TOKEN_INVALID"));
  });

  it("gives no caller a read that began before a change", async () => {
    const key = newKey();
    const reads: ((record: KeyRecord) => void)[] = [];
    const find = () => new Promise<KeyRecord>((resolve) => void reads.push(resolve));
    const verifier = createKeyVerifier({ find, onUsed: () => undefined, now: () => 0 });
    const before = verifier.verify(key.bearer);
    verifier.forget();
    const after = verifier.verify(key.bearer);
    reads[1]?.({ ...key.record, revokedMs: 1 });
    await assert.rejects(after, because("TOKEN_REVOKED"));
    reads[0]?.(key.record);
    await before;
    // What the slow read brought is not kept as news.
    const later = verifier.verify(key.bearer);
    reads[2]?.({ ...key.record, revokedMs: 1 });
    await assert.rejects(later, because("TOKEN_REVOKED"));
  });

  it("says that a key was revoked or has expired only to who has its secret", async () => {
    const { id, record, state, verifier, verify } = world();
    const guess = formatApiKey({ id, secret: newApiKeySecret(id) });
    for (const [change, reason] of [
      [{ revokedMs: 1 }, "TOKEN_REVOKED"],
      [{ expiresMs: 0 }, "TOKEN_EXPIRED"],
    ] as const) {
      state.record = { ...record, ...change };
      verifier.forget();
      await assert.rejects(verify(), because(reason));
      await assert.rejects(verifier.verify(guess), because("TOKEN_INVALID"));
    }
  });

  it("notes a use once a minute", async () => {
    const { state, verify } = world();
    state.nowMs = MINUTE_MS;
    for (const ms of [0, 1, MINUTE_MS - 2, 1, MINUTE_MS]) {
      state.nowMs += ms;
      await verify();
    }
    assert.equal(state.used, 3);
  });

  it("refuses a mistyped key without a read", async () => {
    const { bearer, state, verifier } = world();
    const last = bearer.endsWith("x") ? "y" : "x";
    await assert.rejects(verifier.verify(bearer.slice(0, -1) + last), because("TOKEN_INVALID"));
    assert.equal(state.reads, 0);
  });
});
