import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { acceptAnyCredential, loadAuthenticator } from "@ccsp/authentication";
import { Refusal } from "@ccsp/errors";
import { freePort, type RedisServer, startRedis } from "@ccsp/fleet";
import { followPages, type OidcIssuer, startOidcIssuer } from "@ccsp/oidc-issuer";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import fastifyCookie from "@fastify/cookie";
import fastify, { type FastifyInstance, type InjectOptions } from "fastify";
import { SignJWT } from "jose";
import pino from "pino";
import { createAudit } from "../src/application/audit.js";
import { createGuard } from "../src/application/guard.js";
import { credentialsOf } from "../src/http/credentials.js";
import { sessionCookie } from "../src/http/session-cookie.js";
import { createOpenStreams } from "../src/keys/open-streams.js";
import { openLimits } from "../src/limits/open-limits.js";
import { createOidcSignIn } from "../src/sign-in/oidc.js";
import { createOneTimeCodes } from "../src/sign-in/one-time-codes.js";
import { signIn } from "../src/sign-in/sign-in.js";

const SECRET = new TextEncoder().encode("a secret of this test and of nothing else");
const log = pino({ level: "silent" });
const UNLIMITED = { requestsPerSecond: 0, bytesPerSecond: 0, calls: 0 };
/** What a page of the dashboard sends with a change. */
const OWN_PAGE = { "sec-fetch-site": "same-origin", "x-ccsp-csrf": "1" };
const COOKIE = "ccsp_session";

const tokenOf = (sub: string, more: Record<string, unknown> = {}, expires: string | number = "5m") =>
  new SignJWT({ scope: "tasks:read", ...more })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setAudience("ccsp")
    .setExpirationTime(expires)
    .sign(SECRET);

const TRACE_URL = "https://traces.example/{traceId}";

describe("sign-in", function () {
  this.timeout(60_000);
  let server: RedisServer;
  let redis: RedisConnection;
  let app: FastifyInstance;
  let issuer: OidcIssuer;
  let folder: string;
  let url: string;
  let revoked: boolean;
  const closing: (() => Promise<unknown>)[] = [];

  before(async () => {
    server = await startRedis();
    redis = await openRedis(server.url, { log, name: "test" });
    folder = await mkdtemp(join(tmpdir(), "ccsp-sign-in-"));
    const secretFile = join(folder, "client.secret");
    await writeFile(secretFile, "what the dashboard has at the issuer\n");
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const redirectUrl = `${url}/session/oidc/callback`;
    issuer = await startOidcIssuer({
      people: { ann: { groups: ["ops"] }, huge: { groups: Array.from({ length: 400 }, (_, at) => `group-${at}`) } },
      redirectUrls: [redirectUrl],
      clientSecret: "what the dashboard has at the issuer",
    });
    const oidcRules = { issuer: issuer.url, audience: ["ccsp"], caFile: undefined };
    const tokens = await loadAuthenticator(
      {
        keys: {
          secret: new TextDecoder().decode(SECRET),
          secretFile: undefined,
          jwksFile: undefined,
          jwksUrl: undefined,
        },
        audience: "ccsp",
        issuer: undefined,
        oidc: { ...oidcRules, subjectClaim: "sub", groupsClaim: "groups", roles: new Map([["ops", ["operator"]]]) },
      },
      () => undefined,
    );
    const limits = openLimits(redis.client, { caller: UNLIMITED, address: UNLIMITED, failedLogins: 3 }, log);
    const authenticator = acceptAnyCredential({
      tokens,
      verifyKey: () => Promise.reject(new Refusal("TOKEN_INVALID", "there are no keys here")),
      isRevoked: () => revoked,
    });
    const guard = createGuard({
      authenticator: limits.withLockout(authenticator),
      audit: createAudit(log),
      streams: createOpenStreams(() => false),
    });
    const oidc = await createOidcSignIn({
      issuer: issuer.url,
      caFile: undefined,
      clientId: "ccsp",
      clientSecretFile: secretFile,
      scopes: "openid",
      redirectUrl,
    });
    app = fastify();
    await app.register(fastifyCookie);
    app.setErrorHandler((error, _request, reply) =>
      error instanceof Refusal
        ? reply.code(400).send({ reason: error.reason, detail: error.message })
        : reply.code(500).send({ reason: "INTERNAL", detail: String(error) }),
    );
    app.get("/", () => "the dashboard");
    app.all("/call", async (request) => ({ presented: credentialsOf(request).authorization ?? "nothing" }));
    const codes = createOneTimeCodes(redis.client);
    app.decorate("sessionCookie", sessionCookie(false));
    signIn(app, { guard }, { codes, oidc, traceUrl: TRACE_URL });
    await app.listen({ host: "127.0.0.1", port });
    closing.push(() => limits.close());
  });
  beforeEach(async () => {
    revoked = false;
    await redis.client.flushall();
  });
  after(async () => {
    await app.close();
    for (const close of closing) await close();
    await issuer.stop();
    await redis.close();
    await server.stop();
    await rm(folder, { recursive: true });
  });

  const ask = async (request: InjectOptions) => {
    const answer = await app.inject(request);
    const cookies = answer.cookies.map((cookie) => ({ ...cookie }));
    return { status: answer.statusCode, headers: answer.headers, cookies, body: answer.body };
  };
  const send = async (token: string, headers: Record<string, string> = OWN_PAGE) =>
    ask({ method: "POST", url: "/session", headers, payload: { token } });
  const reasonOf = ({ body }: { readonly body: string }): string => JSON.parse(body).reason;

  it("turns a token into a cookie that no script reads, no other site sends, and that ends with the token", async () => {
    const until = Math.floor(Date.now() / 1000) + 300;
    const token = await tokenOf("alice", {}, until);
    const { status, cookies, headers, body } = await send(token);
    assert.equal(status, 200, body);
    const expireTime = new Date(until * 1000);
    assert.deepEqual(cookies, [
      { name: COOKIE, value: token, path: "/", httpOnly: true, sameSite: "Strict", expires: expireTime },
    ]);
    assert.equal(headers["cache-control"], "no-store");
    const signedIn = {
      subject: "alice",
      scopes: ["tasks:read"],
      expireTime: expireTime.toISOString(),
      traceUrl: TRACE_URL,
      oidc: true,
    };
    assert.deepEqual(JSON.parse(body), signedIn);
    const { body: asked } = await ask({ url: "/session", cookies: { [COOKIE]: token } });
    assert.deepEqual(JSON.parse(asked), signedIn);
  });

  it("with TLS marks the cookie as secure, with the prefix that keeps other hosts of the domain from setting it", async () => {
    const secure = fastify();
    await secure.register(fastifyCookie);
    secure.get("/", (_request, reply) => {
      sessionCookie(true).set(reply, "a-token", undefined);
      return "";
    });
    const { cookies } = await secure.inject({ url: "/" });
    const attributes = { path: "/", httpOnly: true, sameSite: "Strict", secure: true };
    assert.deepEqual({ ...cookies[0] }, { name: "__Host-ccsp_session", value: "a-token", ...attributes });
    await secure.close();
  });

  it("believes neither of two session cookies, in either order: another program of this host may have set one", async () => {
    const [own, planted] = [await tokenOf("alice"), await tokenOf("mallory")];
    for (const pair of [`${COOKIE}=${planted}; ${COOKIE}=${own}`, `${COOKIE}=${own};a=b;${COOKIE} = ${planted}`]) {
      for (const url of ["/call", "/session"]) {
        const answer = await ask({ url, headers: { cookie: pair } });
        assert.deepEqual([answer.status, reasonOf(answer)], [400, "TOKEN_INVALID"], url);
        assert.match(answer.body, /2 cookies ccsp_session/);
      }
      const withHeader = await ask({ url: "/call", headers: { cookie: pair, authorization: "Bearer mine" } });
      assert.deepEqual(JSON.parse(withHeader.body), { presented: "Bearer mine" });
    }
    const other = await ask({ url: "/session", headers: { cookie: `x${COOKIE}=a; ${COOKIE}=${own}; ${COOKIE}x=b` } });
    assert.equal(JSON.parse(other.body).subject, "alice");
  });

  it("says that nobody is signed in without a refusal, so that no lock-out begins for a page that only asks", async () => {
    for (let page = 0; page < 50; page += 1) {
      const { status, body } = await ask({ url: "/session" });
      assert.deepEqual([status, JSON.parse(body)], [200, { oidc: true }]);
    }
  });

  it("refuses a wrong token, and locks out who sends too many, as each other log-in", async () => {
    const forged = `${(await tokenOf("eve")).slice(0, -4)}AAAA`;
    const attempt = async () => {
      const answer = await send(forged);
      assert.deepEqual(answer.cookies, []);
      return reasonOf(answer);
    };
    let began = 0;
    for (let failed = 0; failed < 3; failed += 1) {
      began = performance.now();
      assert.equal(await attempt(), "TOKEN_INVALID");
    }
    const next = await attempt();
    assert.ok(next === "CALLER_LIMIT" || performance.now() - began > 1_000, "the third failure locks for a second");
    // A busy machine may miss that second. The next lock-out is longer.
    await eventually(async () => assert.equal(await attempt(), "CALLER_LIMIT"));
  });

  it("refuses a body without a token, and a token that no browser would keep, and names the field", async () => {
    const long = await tokenOf("alice", { filler: "x".repeat(3_800) });
    for (const payload of [{}, { token: "" }, { token: 7 }, { token: long }, "[]"]) {
      const answer = await ask({
        method: "POST",
        url: "/session",
        headers: { ...OWN_PAGE, "content-type": "application/json" },
        payload,
      });
      assert.deepEqual([answer.status, reasonOf(answer)], [400, "INVALID_FIELD"], answer.body);
      assert.match(answer.body, /token/);
      assert.doesNotMatch(answer.body, /eyJ/);
    }
  });

  it("forgets a cookie whose token has expired or was revoked", async () => {
    const expired = await tokenOf("alice", {}, Math.floor(Date.now() / 1000) - 60);
    const token = await tokenOf("alice");
    revoked = true;
    for (const [sent, reason] of [[expired, "TOKEN_EXPIRED"] as const, [token, "TOKEN_REVOKED"] as const]) {
      const answer = await ask({ url: "/session", cookies: { [COOKIE]: sent } });
      assert.equal(reasonOf(answer), reason);
      assert.deepEqual(
        answer.cookies.map(({ name, value }) => [name, value]),
        [[COOKIE, ""]],
      );
    }
  });

  it("signs out by removing the cookie", async () => {
    const { status, cookies } = await ask({ method: "DELETE", url: "/session", headers: OWN_PAGE });
    assert.equal(status, 204);
    assert.deepEqual(
      cookies.map(({ name, value }) => [name, value]),
      [[COOKIE, ""]],
    );
  });

  it("lets no page of another site sign a person in or out", async () => {
    const token = await tokenOf("mallory");
    const foreign: Record<string, string>[] = [
      { "sec-fetch-site": "cross-site", "x-ccsp-csrf": "1" },
      { "sec-fetch-site": "same-site", "x-ccsp-csrf": "1" },
      { "sec-fetch-site": "same-origin" },
      { origin: "https://evil.example", host: "ccsp.example", "x-ccsp-csrf": "1" },
      { origin: "null", "x-ccsp-csrf": "1" },
      { "x-ccsp-csrf": "1" },
      {},
    ];
    for (const headers of foreign) {
      for (const answer of [
        await send(token, headers),
        await ask({ method: "DELETE", url: "/session", headers, cookies: { [COOKIE]: token } }),
      ]) {
        assert.equal(reasonOf(answer), "CROSS_SITE_REQUEST", JSON.stringify(headers));
        assert.deepEqual(answer.cookies, []);
      }
    }
    const form = { ...OWN_PAGE, "content-type": "application/x-www-form-urlencoded" };
    const posted = await ask({ method: "POST", url: "/session", headers: form, payload: `token=${token}` });
    assert.deepEqual(posted.cookies, []);
    const { status } = await send(token, { origin: "http://ccsp.example", host: "ccsp.example", "x-ccsp-csrf": "1" });
    assert.equal(status, 200);
  });

  it("proves who calls with the cookie, and a change only from a page of this server", async () => {
    const call = async (method: "GET" | "POST" | "PUT" | "DELETE", headers: Record<string, string>) => {
      const { status, body } = await ask({ method, url: "/call", headers, cookies: { [COOKIE]: "from-cookie" } });
      return status === 200 ? JSON.parse(body).presented : JSON.parse(body).reason;
    };
    assert.equal(await call("GET", { "sec-fetch-site": "cross-site" }), "Bearer from-cookie");
    assert.equal(await call("POST", OWN_PAGE), "Bearer from-cookie");
    for (const method of ["POST", "PUT", "DELETE"] as const) {
      assert.equal(await call(method, {}), "CROSS_SITE_REQUEST");
      assert.equal(await call(method, { "sec-fetch-site": "same-origin" }), "CROSS_SITE_REQUEST");
      assert.equal(await call(method, { ...OWN_PAGE, "sec-fetch-site": "cross-site" }), "CROSS_SITE_REQUEST");
    }
    // A program that sends its token by itself cannot be misused by a page, and needs no more.
    assert.equal(await call("POST", { authorization: "Bearer own" }), "Bearer own");
  });

  it("lets a WebSocket use the cookie only from a page of this server, because a browser hides it from nobody", async () => {
    const open = async (headers: Record<string, string>) => {
      const upgrade = { host: "ccsp.example", connection: "upgrade", upgrade: "websocket", ...headers };
      const { status, body } = await ask({ url: "/call", headers: upgrade, cookies: { [COOKIE]: "from-cookie" } });
      return status === 200 ? JSON.parse(body).presented : JSON.parse(body).reason;
    };
    assert.equal(await open({ origin: "https://ccsp.example" }), "Bearer from-cookie");
    assert.equal(await open({ "sec-fetch-site": "same-origin", origin: "https://by-a-proxy" }), "Bearer from-cookie");
    for (const origin of ["https://evil.example", "https://ccsp.example.evil", "https://ccsp.example:8443", "null", ""])
      assert.equal(await open({ origin }), "CROSS_SITE_REQUEST", origin);
    assert.equal(await open({}), "CROSS_SITE_REQUEST");
  });

  describe("with a one-time code", () => {
    const codeFor = async (token: string): Promise<string> => {
      const { body, status } = await ask({
        method: "POST",
        url: "/session/code",
        headers: { authorization: `Bearer ${token}` },
      });
      assert.equal(status, 201, body);
      return JSON.parse(body).code;
    };

    it("gives a browser the token of its person, once", async () => {
      const token = await tokenOf("alice");
      const code = await codeFor(token);
      const looked = await ask({ method: "HEAD", url: `/session/open?code=${code}` });
      assert.deepEqual([looked.status, looked.cookies], [404, []]);
      const opened = await ask({ url: `/session/open?code=${code}`, headers: { "sec-fetch-site": "none" } });
      assert.deepEqual([opened.status, opened.headers.location], [303, "/"]);
      assert.deepEqual(
        opened.cookies.map(({ name, value }) => [name, value]),
        [[COOKIE, token]],
      );
      const again = await ask({ url: `/session/open?code=${code}` });
      assert.deepEqual([again.status, again.cookies], [400, []]);
      assert.match(again.body, /run `ccsp open` again/);
    });

    it("keeps in Redis neither the token nor the code, and both for a minute at most", async () => {
      const token = await tokenOf("alice");
      const code = await codeFor(token);
      const keys = await redis.client.keys("*sign-in*");
      const [key = ""] = keys;
      assert.equal(keys.length, 1);
      assert.doesNotMatch(`${key} ${await redis.client.get(key)}`, new RegExp(`${code}|${token}`));
      const leftMs = await redis.client.pttl(key);
      assert.ok(leftMs > 0 && leftMs <= 60_000, String(leftMs));
    });

    it("does not work from a link of another site, and is given to nobody without a token", async () => {
      const code = await codeFor(await tokenOf("mallory"));
      const followed = await ask({ url: `/session/open?code=${code}`, headers: { "sec-fetch-site": "cross-site" } });
      assert.deepEqual([followed.status, followed.cookies], [400, []]);
      const anonymous = await ask({
        method: "POST",
        url: "/session/code",
        cookies: { [COOKIE]: await tokenOf("alice") },
      });
      assert.equal(reasonOf(anonymous), "TOKEN_MISSING");
      for (const wrong of ["", "x".repeat(43), "x".repeat(5_000), "../secret"]) {
        const { status } = await ask({ url: "/session/open", query: { code: wrong } });
        assert.equal(status, 400);
      }
    });
  });

  describe("with OIDC", () => {
    it("signs a person in at the issuer, with the roles of the groups", async () => {
      const { url: at, html, cookies } = await followPages(`${url}/session/oidc`, "ann");
      assert.deepEqual([at.href, html], [`${url}/`, "the dashboard"]);
      const answer = await ask({ url: "/session", cookies: { [COOKIE]: cookies.get(COOKIE) ?? "" } });
      const { subject, scopes, expireTime } = JSON.parse(answer.body);
      assert.equal(subject, "oidc.ann", answer.body);
      assert.ok(scopes.includes("queue:manage"));
      assert.ok(Date.parse(expireTime) > Date.now());
      assert.equal(cookies.get("ccsp_oidc"), "");
    });

    it("asks with PKCE, a state and a nonce, which only this browser has", async () => {
      const first = await ask({ url: "/session/oidc" });
      const second = await ask({ url: "/session/oidc" });
      const asked = new URL(String(first.headers.location)).searchParams;
      assert.deepEqual([asked.get("code_challenge_method"), asked.get("response_type")], ["S256", "code"]);
      assert.equal(asked.get("redirect_uri"), `${url}/session/oidc/callback`);
      const [cookie] = first.cookies;
      assert.deepEqual([cookie?.httpOnly, cookie?.sameSite, cookie?.maxAge], [true, "Lax", 600]);
      assert.ok(asked.get("state") && cookie?.value.startsWith(`${asked.get("state")}.${asked.get("nonce")}.`));
      assert.notEqual(second.cookies[0]?.value, cookie?.value);
    });

    it("refuses an answer of the issuer that another browser asked for, that is repeated or that says no", async () => {
      const begun = await ask({ url: "/session/oidc" });
      const journey = { ccsp_oidc: begun.cookies[0]?.value ?? "" };
      const state = journey.ccsp_oidc.split(".")[0];
      const back = (query: string, cookies: Record<string, string> = journey) =>
        ask({ url: `/session/oidc/callback?iss=${issuer.url}&${query}`, cookies });
      const backWithTwo = (query: string, value: string) =>
        ask({
          url: `/session/oidc/callback?iss=${issuer.url}&${query}`,
          headers: { cookie: `ccsp_oidc=${value}; ccsp_oidc=a.b.c` },
        });
      for (const [answer, text] of [
        [await back(`code=x&state=another`), /begin again/],
        [await back(`code=x&state=${state}`, {}), /began no sign-in/],
        [await back(`code=x&state=${state}`, { ccsp_oidc: "damaged" }), /began no sign-in/],
        [await backWithTwo(`code=x&state=${state}`, journey.ccsp_oidc), /2 cookies ccsp_oidc/],
        [await back(`code=of-nobody&state=${state}`), /refuses the sign-in/],
        [await back(`error=access_denied&error_description=%3Cb%3Eno&state=${state}`), /&#60;b&#62;no/],
      ] as const) {
        assert.equal(answer.status, 401, answer.body);
        assert.match(answer.body, text);
        assert.ok(answer.cookies.every(({ name }) => name !== COOKIE));
      }
    });

    it("says it when the issuer's token is too large for a cookie", async () => {
      const { status, html, cookies } = await followPages(`${url}/session/oidc`, "huge");
      assert.deepEqual([status, cookies.get(COOKIE)], [401, undefined]);
      assert.match(html, /3800 characters/);
    });

    it("asks an issuer that does not answer once for all who come, and after a rest again, and tells each on a page", async () => {
      const asked: ServerResponse[] = [];
      const away = createServer((_request, response) => void asked.push(response));
      await once(away.listen(0, "127.0.0.1"), "listening");
      const { port } = Object(away.address());
      let rested = (): void => assert.fail("it takes no rest");
      const oidc = await createOidcSignIn(
        {
          issuer: `http://127.0.0.1:${port}`,
          caFile: undefined,
          clientId: "ccsp",
          clientSecretFile: undefined,
          scopes: "openid",
          redirectUrl: "http://127.0.0.1/session/oidc/callback",
        },
        () => new Promise((resolve) => void (rested = resolve)),
      );
      const edge = fastify();
      await edge.register(fastifyCookie);
      edge.decorate("sessionCookie", sessionCookie(false));
      signIn(edge, { guard: { admit: () => assert.fail() } }, { codes: createOneTimeCodes(redis.client), oidc });
      const begin = async () => {
        const { statusCode, headers, body } = await edge.inject("/session/oidc");
        return [statusCode, headers["content-type"], /does not answer now; try again/.test(body)];
      };
      const told = [503, "text/html; charset=utf-8", true];
      try {
        const together = Promise.all([begin(), begin(), begin()]);
        await eventually(() => assert.equal(asked.length, 1), { timeoutMs: 30_000 });
        asked[0]?.writeHead(503).end();
        assert.deepEqual(await together, [told, told, told]);
        assert.deepEqual([await begin(), asked.length], [told, 1]);
        rested();
        await new Promise(setImmediate);
        const later = begin();
        await eventually(() => assert.equal(asked.length, 2), { timeoutMs: 30_000 });
        asked[1]?.writeHead(503).end();
        assert.deepEqual(await later, told);
      } finally {
        await edge.close();
        away.close();
      }
    });

    it("says it when the issuer is away, and works again when it is back", async () => {
      await issuer.stop();
      const begun = await ask({ url: "/session/oidc" });
      const state = begun.cookies[0]?.value.split(".")[0];
      const cookies = { ccsp_oidc: begun.cookies[0]?.value ?? "" };
      const answer = await ask({ url: `/session/oidc/callback?iss=${issuer.url}&code=x&state=${state}`, cookies });
      await issuer.start();
      assert.deepEqual([begun.status, answer.status], [303, 503], answer.body);
      const { html } = await followPages(`${url}/session/oidc`, "ann");
      assert.equal(html, "the dashboard");
    });
  });
});
