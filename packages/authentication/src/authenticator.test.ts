import assert from "node:assert/strict";
import { type Reason, Refusal } from "@ccsp/errors";
import { createLocalJWKSet, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { createAuthenticator } from "./authenticator.js";
import type { TokenKeys } from "./token-keys.js";

const NOW = Date.UTC(2026, 0, 1);
const SECRET = new TextEncoder().encode("a secret of this test and of nothing else");
const secretKeys: TokenKeys = new Map([["HS256", () => SECRET]]);
const authenticator = createAuthenticator({ keys: secretKeys, audience: "ccsp", issuer: "tests", now: () => NOW });

const GOOD = { sub: "alice", aud: "ccsp", iss: "tests", scope: "tasks:submit tasks:read", exp: NOW / 1000 + 60 };
type Claims = { [K in keyof JWTPayload]: JWTPayload[K] | undefined };

const sign = (claims: Claims, { secret = SECRET, alg = "HS256" } = {}) =>
  new SignJWT(JSON.parse(JSON.stringify({ ...GOOD, ...claims }))).setProtectedHeader({ alg }).sign(secret);

const sends = (authorization: string | undefined) => ({ authorization, address: "" });

async function refused(authorization: string | undefined, reason: Reason, message: RegExp, by = authenticator) {
  await assert.rejects(by.authenticate(sends(authorization)), (error) => {
    assert.ok(error instanceof Refusal, String(error));
    assert.equal(error.reason, reason);
    assert.match(error.message, message);
    const token = authorization?.split(" ").at(-1) ?? "";
    assert.ok(token.length < 20 || !error.message.includes(token), "a message does not repeat the token");
    return true;
  });
}

describe("authenticator", () => {
  it("returns the agent and the scopes of a valid token", async () => {
    const { credentialId, ...identity } = await authenticator.authenticate(sends(`Bearer ${await sign({})}`));
    assert.match(credentialId ?? "", /^token:/);
    assert.deepEqual(identity, {
      kind: "agent",
      subject: "alice",
      scopes: ["tasks:submit", "tasks:read"],
      proof: "token",
      expireTime: new Date(NOW + 60_000),
    });
  });

  it("treats a token without scopes as one that allows nothing", async () => {
    const { scopes } = await authenticator.authenticate(sends(`bearer ${await sign({ scope: undefined })}`));
    assert.deepEqual(scopes, []);
  });

  it("says TOKEN_MISSING when there is none", async () => {
    await refused(undefined, "TOKEN_MISSING", /authorization: Bearer/);
    await refused("", "TOKEN_MISSING", /authorization: Bearer/);
  });

  it("says how the metadata must look when it is not a bearer token", async () => {
    await refused("Basic YWxpY2U6c2VjcmV0", "TOKEN_INVALID", /not of the form `Bearer <token>`/);
    await refused("Bearer", "TOKEN_INVALID", /not of the form `Bearer <token>`/);
  });

  it("says that a text is not a JWT", async () => {
    await refused("Bearer not-a-token", "TOKEN_INVALID", /not a JWT/);
    const [header] = (await sign({})).split(".");
    await refused(`Bearer ${header}.x`, "TOKEN_INVALID", /not a JWT/);
  });

  it("says that the signature is wrong", async () => {
    const secret = new TextEncoder().encode("another secret of the same length, unknown here");
    await refused(`Bearer ${await sign({}, { secret })}`, "TOKEN_INVALID", /signature is wrong/);
  });

  it("says TOKEN_EXPIRED, and when, for an expired token", async () => {
    await refused(`Bearer ${await sign({ exp: NOW / 1000 - 60 })}`, "TOKEN_EXPIRED", /expired at 2025-12-31T23:59:00/);
  });

  it("takes a token for several audiences when this one is among them", async () => {
    await authenticator.authenticate(sends(`Bearer ${await sign({ aud: ["elsewhere", "ccsp"] })}`));
    await refused(`Bearer ${await sign({ aud: ["elsewhere", "ccs"] })}`, "TOKEN_INVALID", /another audience/);
  });

  it("blames the caller, and not the keys, for a header with an unsupported extension", async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const headers: readonly (readonly [object, RegExp])[] = [
      [{ alg: "HS256", crit: ["x"], x: 1 }, /not supported here/],
      [{ alg: "HS256", b64: false, crit: ["b64"] }, /not a JWT|signature is wrong/],
      [{ alg: "HS 256" }, /signed with HS\?256, which is not accepted/],
      [{ alg: 256 }, /not a JWT/],
    ];
    for (const [header, message] of headers) {
      await refused(`Bearer ${part(header)}.${part(GOOD)}.c2ln`, "TOKEN_INVALID", message);
    }
  });

  it("verifies a repeated token only once a minute, and reports its expiry", async () => {
    let looked = 0;
    let nowMs = NOW;
    const key = () => {
      looked += 1;
      return SECRET;
    };
    const by = createAuthenticator({
      keys: new Map([["HS256", key]]),
      audience: "ccsp",
      issuer: undefined,
      now: () => nowMs,
    });
    const authorization = `Bearer ${await sign({ exp: NOW / 1000 + 90 })}`;
    for (let calls = 0; calls < 3; calls += 1)
      assert.equal((await by.authenticate(sends(authorization))).subject, "alice");
    assert.equal(looked, 1);
    nowMs += 61_000;
    await by.authenticate(sends(authorization));
    assert.equal(looked, 2);
    nowMs += 60_000;
    await refused(authorization, "TOKEN_EXPIRED", /expired at/, by);
  });

  it("says that a token must name its key where several keys fit", async () => {
    const [one, other] = [
      await generateKeyPair("EdDSA", { extractable: true }),
      await generateKeyPair("EdDSA", { extractable: true }),
    ];
    const keys = await Promise.all([one, other].map(({ publicKey }) => exportJWK(publicKey)));
    const by = createAuthenticator({
      keys: new Map([["EdDSA", createLocalJWKSet({ keys })]]),
      audience: "ccsp",
      issuer: undefined,
      now: () => NOW,
    });
    const token = await new SignJWT(GOOD).setProtectedHeader({ alg: "EdDSA" }).sign(one.privateKey);
    await refused(`Bearer ${token}`, "TOKEN_INVALID", /`kid`/, by);
  });

  it("accepts clocks that differ by a few seconds", async () => {
    await authenticator.authenticate(sends(`Bearer ${await sign({ exp: NOW / 1000 - 3, nbf: NOW / 1000 + 3 })}`));
  });

  const invalid: readonly { what: string; claims: Claims; message: RegExp }[] = [
    { what: "no expiry", claims: { exp: undefined }, message: /no `exp`/ },
    { what: "no subject", claims: { sub: undefined }, message: /no `sub`/ },
    // The queue would treat an empty agent id as an operator.
    { what: "an empty subject", claims: { sub: "" }, message: /`sub` is not an agent id/ },
    { what: "a subject that is not an agent id", claims: { sub: "alice/../bob" }, message: /`sub` is not an agent id/ },
    { what: "a subject that is too long", claims: { sub: "a".repeat(129) }, message: /`sub` is not an agent id/ },
    { what: "another audience", claims: { aud: "elsewhere" }, message: /another audience; this one is `ccsp`/ },
    { what: "no audience", claims: { aud: undefined }, message: /no `aud`/ },
    { what: "another issuer", claims: { iss: "somebody" }, message: /another issuer; accepted is `tests`/ },
    { what: "a time that has not come", claims: { nbf: NOW / 1000 + 60 }, message: /not valid yet/ },
    { what: "a list of scopes", claims: { scope: ["tasks:read"] }, message: /`scope` is not a string/ },
  ];
  for (const { what, claims, message } of invalid) {
    it(`says TOKEN_INVALID and why for a token with ${what}`, async () => {
      await refused(`Bearer ${await sign(claims)}`, "TOKEN_INVALID", message);
    });
  }

  it("accepts no unsigned token", async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    for (const alg of ["none", "None", "NONE", ""]) {
      const unsigned = `${part({ alg })}.${part(GOOD)}.`;
      await refused(
        `Bearer ${unsigned}`,
        "TOKEN_INVALID",
        /signed with .*, which is not accepted here \(accepted: HS256\)/,
      );
    }
  });

  it("accepts an algorithm only for its own kind of key", async () => {
    await refused(`Bearer ${await sign({}, { alg: "HS512" })}`, "TOKEN_INVALID", /HS512, which is not accepted/);
    const { publicKey } = await generateKeyPair("EdDSA", { extractable: true });
    const jwk = await exportJWK(publicKey);
    const keySet = createLocalJWKSet({ keys: [jwk] });
    const asymmetric = createAuthenticator({ keys: new Map([["EdDSA", keySet]]), audience: "ccsp", issuer: undefined });
    const forged = await sign({}, { secret: new TextEncoder().encode(JSON.stringify(jwk)) });
    await refused(`Bearer ${forged}`, "TOKEN_INVALID", /HS256, which is not accepted here/, asymmetric);
  });

  for (const alg of ["EdDSA", "RS256"]) {
    it(`verifies ${alg} with a key set, and refuses a key that is not in it`, async () => {
      const ours = await generateKeyPair(alg, { extractable: true });
      const theirs = await generateKeyPair(alg, { extractable: true });
      const keySet = createLocalJWKSet({ keys: [{ ...(await exportJWK(ours.publicKey)), kid: "ours" }] });
      const by = createAuthenticator({
        keys: new Map([[alg, keySet]]),
        audience: "ccsp",
        issuer: undefined,
        now: () => NOW,
      });
      const signed = (key: typeof ours.privateKey, kid: string) =>
        new SignJWT(GOOD).setProtectedHeader({ alg, kid }).sign(key);

      assert.equal((await by.authenticate(sends(`Bearer ${await signed(ours.privateKey, "ours")}`))).subject, "alice");
      await refused(`Bearer ${await signed(theirs.privateKey, "ours")}`, "TOKEN_INVALID", /signature is wrong/, by);
      await refused(`Bearer ${await signed(theirs.privateKey, "theirs")}`, "TOKEN_INVALID", /not in the key set/, by);
    });
  }

  it("does not blame the caller when the key set cannot be fetched", async () => {
    const keys: TokenKeys = new Map([["HS256", () => Promise.reject(new TypeError("fetch failed"))]]);
    const by = createAuthenticator({ keys, audience: "ccsp", issuer: undefined });
    await refused(`Bearer ${await sign({})}`, "DEPENDENCY_UNAVAILABLE", /keys .* cannot be fetched now/, by);
  });
});
