import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mock } from "node:test";
import { type Env, load } from "@ccsp/config";
import { type Reason, Refusal } from "@ccsp/errors";
import { authorise, ROLES } from "@ccsp/identity";
import { deviceTokens, OIDC_API, type OidcIssuer, startOidcIssuer } from "@ccsp/oidc-issuer";
import { type Authority, createAuthority } from "@ccsp/testkit";
import { SignJWT } from "jose";
import { type Authenticator, loadAuthenticator } from "../src/authenticator.js";
import { authenticationSettings } from "../src/settings.js";

const SECRET = "a secret of this test and of nothing else";
const PEOPLE = {
  "0d0c-alice": { email: "alice@example.com", email_verified: true, groups: ["everyone", "ccsp admins"] },
  bob: { email: "bob@example.com", email_verified: false, groups: ["dev"], preferred_username: "bob|x" },
  carol: { groups: "viewers" },
  dave: {},
  erin: { groups: { dev: true } },
};

async function authenticatorFor(issuer: string, env: Env = {}, onFailed: (error: unknown) => void = assert.ifError) {
  const all = {
    CCSP_JWT_SECRET: SECRET,
    CCSP_OIDC_ISSUER: issuer,
    CCSP_OIDC_AUDIENCE: "ccsp",
    CCSP_OIDC_ROLES: "ccsp admins=admin,dev=operator,dev=agent,viewers=viewer",
    ...env,
  };
  return loadAuthenticator(load(all, authenticationSettings).config, onFailed);
}

const present = (by: Authenticator, token: string) =>
  by.authenticate({ authorization: `Bearer ${token}`, address: "" });

async function refused(by: Authenticator, token: string, reason: Reason, message: RegExp) {
  await assert.rejects(present(by, token), (error) => {
    assert.ok(error instanceof Refusal, String(error));
    assert.equal(error.reason, reason, error.message);
    assert.match(error.message, message);
    assert.ok(!error.message.includes(token.slice(0, 20)), "a message does not repeat the token");
    return true;
  });
}

describe("people with tokens of a real OIDC issuer", function () {
  this.timeout(20_000);
  let issuer: OidcIssuer;
  let by: Authenticator;
  before(async () => {
    issuer = await startOidcIssuer({ people: PEOPLE, clients: ["ccsp", "other"] });
    by = await authenticatorFor(issuer.url);
  });
  after(() => issuer.stop());

  const idToken = async (sub: string) => (await deviceTokens(issuer.url, { sub })).idToken;

  it("are operators with the scopes of their groups' roles, by an ID token", async () => {
    const { expireTime, issueTime, credentialId, ...identity } = await present(by, await idToken("bob"));
    const scopes = [...new Set([...ROLES.operator, ...ROLES.agent])];
    assert.deepEqual(identity, { kind: "operator", subject: "oidc.bob", scopes, proof: "oidc" });
    assert.ok(expireTime !== undefined && expireTime.getTime() > Date.now());
    assert.ok(issueTime && credentialId, "what a revocation needs");
    assert.deepEqual((await present(by, await idToken("carol"))).scopes, ROLES.viewer, "one group as a text");
  });

  it("may use an access token that is a JWT for this installation's API, and its own scope gives nothing", async () => {
    const api = await authenticatorFor(issuer.url, { CCSP_OIDC_AUDIENCE: `ccsp,${OIDC_API}` });
    const { accessToken } = await deviceTokens(issuer.url, { sub: "dave", api: OIDC_API });
    assert.deepEqual((await present(api, accessToken)).scopes, []);
    await refused(by, accessToken, "TOKEN_INVALID", /another audience; this one is `ccsp`/);
  });

  it("are known without a group, and may then do nothing: SCOPE_MISSING", async () => {
    const dave = await present(by, await idToken("dave"));
    assert.deepEqual([dave.subject, dave.scopes], ["oidc.dave", []]);
    assert.throws(
      () => authorise(["tasks:read-all"], dave),
      (error) =>
        error instanceof Refusal &&
        error.reason === "SCOPE_MISSING" &&
        error.message.includes("no group of this person gives"),
    );
  });

  it("are refused with the token of another client of the same issuer", async () => {
    const { idToken: other } = await deviceTokens(issuer.url, { sub: "bob", client: "other" });
    await refused(by, other, "TOKEN_INVALID", /another audience; this one is `ccsp`/);
  });

  it("can be named by a readable claim, which has to be verified and has to fit", async () => {
    const email = await authenticatorFor(issuer.url, { CCSP_OIDC_SUBJECT_CLAIM: "email" });
    assert.equal((await present(email, await idToken("0d0c-alice"))).subject, "oidc.alice@example.com");
    await refused(email, await idToken("bob"), "TOKEN_INVALID", /not verified .*email/);
    await refused(email, await idToken("carol"), "TOKEN_INVALID", /has no `email`/);
    const user = await authenticatorFor(issuer.url, { CCSP_OIDC_SUBJECT_CLAIM: "preferred_username" });
    await refused(user, await idToken("bob"), "TOKEN_INVALID", /`preferred_username` cannot name a person here/);
  });

  it("are refused with groups of a form that nobody can read", async () => {
    await refused(by, await idToken("erin"), "TOKEN_INVALID", /`groups` is not a list/);
  });

  it("are refused when the token is not theirs as the issuer signed it", async () => {
    const [header, , signature] = (await idToken("bob")).split(".");
    const [, admin] = (await idToken("0d0c-alice")).split(".");
    await refused(by, `${header}.${admin}.${signature}`, "TOKEN_INVALID", /signature is wrong/);
    const claims = { sub: "bob", aud: "ccsp", iss: issuer.url, groups: ["ccsp admins"] };
    const ours = await new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("1m")
      .sign(new TextEncoder().encode(SECRET));
    await refused(by, ours, "TOKEN_INVALID", /signed with HS256, which is not accepted here/);
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    await refused(by, `${part({ alg: "none" })}.${part(claims)}.`, "TOKEN_INVALID", /signed with none/);
    const elsewhere = { ...claims, iss: "https://elsewhere.example" };
    await refused(by, `${part({ alg: "RS256" })}.${part(elsewhere)}.c2ln`, "TOKEN_INVALID", /accepted: HS256/);
  });

  it("never have the name of an agent: no token of an agent begins as their names do", async () => {
    const agent = (sub: string) =>
      new SignJWT({ sub, aud: "ccsp" })
        .setProtectedHeader({ alg: "HS256" })
        .setExpirationTime("1m")
        .sign(new TextEncoder().encode(SECRET));
    assert.deepEqual((await present(by, await agent("bob"))).kind, "agent");
    await refused(by, await agent("oidc.bob"), "TOKEN_INVALID", /names are for people who log in with OIDC/);
  });

  it("are refused once their token has expired", async () => {
    const token = await idToken("bob");
    const later = await authenticatorFor(issuer.url);
    await present(later, token);
    const clock = mock.method(Date, "now", () => Date.prototype.getTime.call(new Date(8.64e15)));
    try {
      await refused(later, token, "TOKEN_EXPIRED", /expired at/);
    } finally {
      clock.mock.restore();
    }
  });
});

describe("an OIDC issuer", function () {
  this.timeout(20_000);
  let issuer: OidcIssuer;
  beforeEach(async () => {
    issuer = await startOidcIssuer({ people: PEOPLE });
  });
  afterEach(() => issuer.stop());

  /** Moves the clock on. jose asks for an unknown key at most every 30 seconds. */
  async function later<T>(seconds: number, run: () => Promise<T>): Promise<T> {
    const begin = performance.timeOrigin + performance.now();
    const clock = mock.method(Date, "now", () => Math.floor(begin + seconds * 1000));
    try {
      return await run();
    } finally {
      clock.mock.restore();
    }
  }

  it("may change its keys: the new one is found, and the one that it withdrew is refused", async () => {
    const by = await authenticatorFor(issuer.url);
    const old = (await deviceTokens(issuer.url, { sub: "bob" })).idToken;
    await present(by, old);
    await issuer.rotate();
    const { idToken } = await deviceTokens(issuer.url, { sub: "carol" });
    await later(31, async () => assert.equal((await present(by, idToken)).subject, "oidc.carol"));
    await later(62, () => refused(by, old, "TOKEN_INVALID", /not in the key set/));
    assert.equal(issuer.keyRequests(), 3);
    await later(63, () => refused(by, old, "TOKEN_INVALID", /not in the key set/));
    assert.equal(issuer.keyRequests(), 3, "tokens with unknown keys do not keep the issuer busy");
  });

  it("may be away at the start and later: calls are refused as unavailable, and go on when it is back", async () => {
    const { idToken } = await deviceTokens(issuer.url, { sub: "bob" });
    const other = (await deviceTokens(issuer.url, { sub: "carol" })).idToken;
    await issuer.stop();
    const failures: unknown[] = [];
    const by = await authenticatorFor(issuer.url, {}, (error) => void failures.push(error));
    const began = performance.now();
    for (let calls = 0; calls < 5; calls += 1)
      await refused(by, idToken, "DEPENDENCY_UNAVAILABLE", /keys that verify tokens cannot be fetched now/);
    assert.ok(failures.length <= 2 + (performance.now() - began) / 1_000, "at most one request a second");
    await issuer.start();
    await later(2, () => present(by, idToken));
    await issuer.stop();
    await later(700, async () => assert.equal((await present(by, other)).subject, "oidc.carol"));
    await issuer.start();
  });

  it("that calls itself otherwise than the setting is not believed", async () => {
    const failures: unknown[] = [];
    const { port } = new URL(issuer.url);
    const by = await authenticatorFor(`http://localhost:${port}`, {}, (error) => void failures.push(error));
    await refused(by, unverified(`http://localhost:${port}`), "DEPENDENCY_UNAVAILABLE", /cannot be fetched/);
    assert.match(String(failures[0]), /calls itself "http:\/\/127.0.0.1:\d+", and not http:\/\/localhost/);
  });
});

describe("an OIDC issuer with TLS", function () {
  this.timeout(20_000);
  let authority: Authority;
  let folder: string;
  before(async function () {
    authority = await createAuthority(this);
    folder = await mkdtemp(join(tmpdir(), "ccsp-oidc-"));
    await writeFile(join(folder, "ca.pem"), authority.ca);
  });
  after(async () => {
    await authority?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("is believed with its own certificate authority, and with no other", async () => {
    const issuer = await startOidcIssuer({ people: PEOPLE, tls: await authority.issue("issuer") });
    try {
      const token = unverified(issuer.url);
      const trusting = await authenticatorFor(issuer.url, { CCSP_OIDC_CA_FILE: join(folder, "ca.pem") });
      await refused(trusting, token, "TOKEN_INVALID", /signature is wrong/);
      const failures: unknown[] = [];
      const careful = await authenticatorFor(issuer.url, {}, (error) => void failures.push(error));
      await refused(careful, token, "DEPENDENCY_UNAVAILABLE", /cannot be fetched/);
      assert.equal(failures.length, 1);
    } finally {
      await issuer.stop();
    }
    await assert.rejects(
      authenticatorFor(issuer.url, { CCSP_OIDC_CA_FILE: "/nowhere" }),
      /CCSP_OIDC_CA_FILE \(\/nowhere\) cannot be read/,
    );
  });
});

function unverified(iss: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256" })}.${part({ iss, sub: "bob", aud: "ccsp", exp: 8e9 })}.${"c2ln".repeat(86)}`;
}
