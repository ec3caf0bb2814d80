import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import type { Identity } from "@ccsp/identity";
import { SignJWT } from "jose";
import { acceptAnyCredential } from "./any-credential.js";
import { formatApiKey, newApiKeyId, newApiKeySecret } from "./api-key.js";
import { createAuthenticator } from "./authenticator.js";

const SECRET = new TextEncoder().encode("a secret of this test and of nothing else");
const ISSUED_S = 1_700_000_000;
const now = () => (ISSUED_S + 60) * 1000;
const tokens = createAuthenticator({
  keys: new Map([["HS256", () => SECRET]]),
  audience: "ccsp",
  issuer: undefined,
  now,
});

const tokenOf = (sub: string, claims = {}) =>
  new SignJWT({ sub, aud: "ccsp", scope: "tasks:read", iat: ISSUED_S, exp: ISSUED_S + 3_600, ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .sign(SECRET);
const id = newApiKeyId();
const KEY = formatApiKey({ id, secret: newApiKeySecret(id) });
const KEY_IDENTITY: Identity = { kind: "agent", subject: "ci", scopes: [], proof: "key", credentialId: `key:${id}` };

/** Accepts tokens, and `KEY`. Revoked is what `revoked` names. */
function acceptor(revoked: Set<string | undefined>) {
  const asked: string[] = [];
  const by = acceptAnyCredential({
    tokens,
    async verifyKey(bearer) {
      asked.push(bearer);
      return KEY_IDENTITY;
    },
    isRevoked: ({ credentialId }) => revoked.has(credentialId),
  });
  return { asked, sends: (bearer: string) => by.authenticate({ authorization: `Bearer ${bearer}`, address: "" }) };
}
const isRevoked = (error: unknown) => error instanceof Refusal && error.reason === "TOKEN_REVOKED";

describe("an authenticator for any credential", () => {
  it("takes a token as a token and a key as a key", async () => {
    const { asked, sends } = acceptor(new Set());
    assert.deepEqual([(await sends(await tokenOf("alice"))).proof, asked], ["token", []]);
    assert.deepEqual([(await sends(KEY)).proof, asked], ["key", [KEY]]);
  });

  it("names a token by what is signed, and says when it was issued", async () => {
    const { sends } = acceptor(new Set());
    const token = await tokenOf("alice");
    const { credentialId, issueTime } = await sends(token);
    assert.match(credentialId ?? "", /^token:[\w-]{43}$/);
    assert.equal(issueTime?.getTime(), ISSUED_S * 1000);
    assert.notEqual((await sends(await tokenOf("bob"))).credentialId, credentialId);
    assert.equal((await sends(await tokenOf("carol", { iat: undefined }))).issueTime, undefined);
  });

  it("refuses a revoked key, and a revoked token although it was verified a moment ago", async () => {
    const revoked = new Set<string | undefined>();
    const { sends } = acceptor(revoked);
    const token = await tokenOf("alice");
    for (const bearer of [token, KEY]) {
      const { credentialId } = await sends(bearer);
      revoked.add(credentialId);
      await assert.rejects(sends(bearer), isRevoked);
    }
    await sends(await tokenOf("bob"));
  });

  it("refuses a revoked token in every way to write its signature", async () => {
    const revoked = new Set<string | undefined>();
    const { sends } = acceptor(revoked);
    const token = await tokenOf("alice");
    revoked.add((await sends(token)).credentialId);
    // A signature of 32 bytes takes 43 characters, and the last one has two bits that nobody reads.
    const others = Array.from(
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
      (last) => token.slice(0, -1) + last,
    );
    const outcomes = await Promise.allSettled(others.map(sends));
    assert.ok(outcomes.every(({ status }) => status === "rejected"));
    const reasons = outcomes.map((outcome) => outcome.status === "rejected" && isRevoked(outcome.reason));
    assert.equal(reasons.filter(Boolean).length, 4, "this many ways are valid signatures, so the test means something");
  });
});
