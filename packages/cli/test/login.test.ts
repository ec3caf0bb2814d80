import assert from "node:assert/strict";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mock } from "node:test";
import { approveInBrowser, type OidcIssuer, startOidcIssuer } from "@ccsp/oidc-issuer";
import { createAuthority } from "@ccsp/testkit";
import { decodeJwt } from "jose";
import { startFakeAgentService } from "./fake-agent-service.js";
import { ccsp } from "./memory-io.js";

const PEOPLE = { alice: { email: "alice@example.com", groups: ["dev"] } };

describe("ccsp login", function () {
  this.timeout(20_000);
  let gateway: Awaited<ReturnType<typeof startFakeAgentService>>;
  let issuer: OidcIssuer;
  let dir: string;
  let kept: string;
  let env: Record<string, string>;
  before(async () => {
    kept = await mkdtemp(join(tmpdir(), "ccsp-logged-in-"));
    gateway = await startFakeAgentService();
    issuer = await startOidcIssuer({ people: PEOPLE });
  });
  after(async () => {
    await gateway.close();
    await issuer.stop();
    await rm(kept, { recursive: true });
  });
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-login-"));
    env = {
      CCSP_STATE_DIR: join(dir, "state"),
      CCSP_GATEWAY: gateway.target,
      CCSP_OIDC_ISSUER: issuer.url,
      CCSP_OIDC_CLIENT_ID: "ccsp",
    };
  });
  afterEach(() => rm(dir, { recursive: true }));

  /** Runs the command, and does in a browser what it says. */
  async function login(more: Record<string, string> = {}, approve = approveInBrowser) {
    let browser: Promise<unknown> | undefined;
    const outcome = await ccsp(["login"], {
      env: { ...env, ...more },
      onOutput(text) {
        const page = /^open (\S+)/m.exec(text)?.[1];
        if (page !== undefined) browser ??= approve(page, "alice");
      },
    });
    await browser;
    return outcome;
  }

  /** The state after the first test, because the issuer lets a device wait for five seconds. */
  const loggedIn = () => cp(kept, join(dir, "state"), { recursive: true });

  const lastToken = () => gateway.tokens.at(-1) ?? "";
  /** Moves the clock on by so many minutes. */
  async function later<T>(minutes: number, run: () => Promise<T>): Promise<T> {
    const begin = Date.now();
    const clock = mock.method(Date, "now", () => begin + minutes * 60_000);
    try {
      return await run();
    } finally {
      clock.mock.restore();
    }
  }

  it("lets the next commands for this gateway send the person's ID token, from a file that only its owner can read", async () => {
    const { code, stdout, stderr } = await login();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /compare the code [A-Z]{4}-[A-Z]{4}\nlogged in for 127/);
    assert.equal((await ccsp(["list"], { env })).code, 0);
    const { iss, aud, sub } = decodeJwt(lastToken());
    assert.deepEqual({ iss, aud, sub }, { iss: issuer.url, aud: "ccsp", sub: "alice" });
    assert.equal((await stat(join(dir, "state", "logins.json"))).mode & 0o777, 0o600);
    assert.ok(!stdout.includes(lastToken()));
    await cp(join(dir, "state"), kept, { recursive: true });
  });

  it("is for one gateway: another one gets no token", async () => {
    await loggedIn();
    const { code, stderr } = await ccsp(["list", "--gateway", "127.0.0.1:1"], { env });
    assert.equal(code, 3);
    assert.match(stderr, /log in with `ccsp login`/);
  });

  it("gives way to a token that is named", async () => {
    await loggedIn();
    await ccsp(["list"], { env: { ...env, CCSP_TOKEN: "a-token" } });
    assert.equal(lastToken(), "a-token");
  });

  it("renews the token before it expires, and says so when it cannot", async () => {
    await loggedIn();
    await ccsp(["list"], { env });
    const first = lastToken();
    await later(61, async () => {
      const { code, stderr } = await ccsp(["list"], { env });
      assert.equal(code, 0, stderr);
    });
    const second = lastToken();
    assert.notEqual(second, first);
    assert.equal(decodeJwt(second).sub, "alice");
    const file = join(dir, "state", "logins.json");
    await writeFile(file, (await readFile(file, "utf8")).replace(/"refreshToken": "[^"]*"/, '"refreshToken": "x"'));
    await later(200, async () => {
      const { code, stderr } = await ccsp(["list"], { env });
      assert.equal(code, 3);
      assert.match(stderr, /refuses to renew the login; run `ccsp login` again: /);
    });
  });

  it("ends with ccsp logout, which also makes the issuer forget it", async () => {
    await loggedIn();
    const { code, stdout } = await ccsp(["logout"], { env });
    assert.equal(code, 0);
    assert.match(stdout, /logged out of 127/);
    assert.ok(!(await readFile(join(dir, "state", "logins.json"), "utf8")).includes("Token"));
    assert.equal((await ccsp(["list"], { env })).code, 3);
    assert.match((await ccsp(["logout"], { env })).stdout, /nobody is logged in/);
  });

  it("says what is missing, and what the issuer does not have or does not answer", async () => {
    for (const name of ["CCSP_GATEWAY", "CCSP_OIDC_ISSUER", "CCSP_OIDC_CLIENT_ID"]) {
      const { code, stderr } = await login({ [name]: "" });
      assert.equal(code, 2);
      assert.ok(stderr.includes(name), stderr);
    }
    const bare = await startOidcIssuer({ people: PEOPLE, deviceFlow: false });
    const { code, stderr } = await login({ CCSP_OIDC_ISSUER: bare.url });
    await bare.stop();
    assert.equal(code, 1);
    assert.match(stderr, /has no device login \(RFC 8628\): get a token in another way/);
    const gone = await login({ CCSP_OIDC_ISSUER: bare.url });
    assert.equal(gone.code, 5, gone.stderr);
    assert.match(gone.stderr, /could not be used: .*ECONNREFUSED/);
    const plain = await login({ CCSP_OIDC_ISSUER: "http://issuer.example" });
    assert.equal(plain.code, 5);
    assert.equal(plain.stderr, "ccsp: http://issuer.example could not be used: only requests to HTTPS are allowed\n");
    const cleartext = createServer((socket) => socket.end("no TLS\n")).listen(0, "127.0.0.1");
    await once(cleartext, "listening");
    const url = `https://127.0.0.1:${Object(cleartext.address()).port}`;
    const noTls = await login({ CCSP_OIDC_ISSUER: url });
    cleartext.close();
    assert.equal(noTls.stderr, `ccsp: ${url} could not be used: TLS fails: wrong version number\n`);
  });

  it("reaches an issuer with its own certificate authority", async function () {
    const authority = await createAuthority(this);
    const secure = await startOidcIssuer({ people: PEOPLE, tls: await authority.issue("issuer") });
    try {
      const caFile = join(dir, "ca.pem");
      await writeFile(caFile, authority.ca);
      const there = { CCSP_OIDC_ISSUER: secure.url };
      assert.equal((await login(there)).code, 5);
      const never = () => Promise.reject(new Error("no page was asked for"));
      assert.match((await login({ ...there, CCSP_OIDC_CA_FILE: "/nowhere" }, never)).stderr, /there is no such file/);
      const { code, stdout } = await ccsp(["login"], {
        env: { ...env, ...there, CCSP_OIDC_CA_FILE: caFile },
        onOutput: (_text, interrupt) => interrupt(),
      });
      assert.notEqual(code, 0);
      assert.match(stdout, /^open https:/);
    } finally {
      await secure.stop();
      await authority.close();
    }
  });
});
