import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mock } from "node:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { createAuthenticator } from "../src/authenticator.js";
import { type KeySettings, loadTokenKeys } from "../src/token-keys.js";

const sends = (authorization: string) => ({ authorization, address: "" });
const never = (error: unknown) => assert.fail(String(error));
const NONE: KeySettings = { secret: undefined, secretFile: undefined, jwksFile: undefined, jwksUrl: undefined };

describe("the keys of tokens", () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-keys-"));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const file = async (name: string, text: string) => {
    await writeFile(join(dir, name), text);
    return join(dir, name);
  };

  it("verify HS256 with the secret in a file, without its final line break", async () => {
    const secret = "a secret of this test and of nothing else";
    const keys = await loadTokenKeys({ ...NONE, secretFile: await file("secret", `${secret}\n`) }, never);
    assert.deepEqual([...keys.keys()], ["HS256"]);
    const token = await new SignJWT({ aud: "ccsp", sub: "alice" })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("1m")
      .sign(new TextEncoder().encode(secret));
    const authenticator = createAuthenticator({ keys, audience: "ccsp", issuer: undefined });
    assert.equal((await authenticator.authenticate(sends(`Bearer ${token}`))).subject, "alice");
  });

  it("verify EdDSA with a key set from an address, without a shared secret", async () => {
    const { publicKey, privateKey } = await generateKeyPair("EdDSA", { extractable: true });
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "k" }] });
    const server = createServer((_request, response) => response.end(jwks));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const address = server.address();
      assert.ok(address && typeof address === "object");
      const keys = await loadTokenKeys({ ...NONE, jwksUrl: `http://127.0.0.1:${address.port}/jwks.json` }, never);
      assert.ok(!keys.has("HS256"));
      const token = await new SignJWT({ aud: "ccsp", sub: "alice" })
        .setProtectedHeader({ alg: "EdDSA", kid: "k" })
        .setExpirationTime("1m")
        .sign(privateKey);
      const authenticator = createAuthenticator({ keys, audience: "ccsp", issuer: undefined });
      assert.equal((await authenticator.authenticate(sends(`Bearer ${token}`))).subject, "alice");
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it("stay in use while the address of the key set does not answer, until a new key set comes", async () => {
    const ours = await generateKeyPair("EdDSA", { extractable: true });
    const next = await generateKeyPair("EdDSA", { extractable: true });
    const set = async (kid: string, key: typeof ours.publicKey) =>
      JSON.stringify({ keys: [{ ...(await exportJWK(key)), kid }] });
    let answer: string | undefined = await set("ours", ours.publicKey);
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      if (answer === undefined) response.writeHead(503).end();
      else response.end(answer);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const begin = Date.now();
    const clock = mock.method(Date, "now", () => begin);
    const at = (minutes: number) => clock.mock.mockImplementation(() => begin + minutes * 60_000);
    try {
      const address = server.address();
      assert.ok(address && typeof address === "object");
      const jwksUrl = `http://127.0.0.1:${address.port}/jwks.json`;
      const stale: unknown[] = [];
      const keys = await loadTokenKeys({ ...NONE, jwksUrl }, (error) => void stale.push(error));
      const header = (kid: string) => ({ alg: "EdDSA", kid });
      const find = async (kid: string) => keys.get("EdDSA")?.(header(kid), { payload: "", signature: "" });
      assert.ok(await find("ours"));

      answer = undefined;
      at(30);
      assert.ok(await find("ours"), "the issuer cannot be reached");
      assert.equal(stale.length, 1);
      assert.equal(asked, 2);

      answer = await set("next", next.publicKey);
      at(60);
      await assert.rejects(find("ours"), "a revoked key, also after hours without a call");
      assert.ok(await find("next"));

      answer = undefined;
      at(60 + 25 * 60);
      await assert.rejects(find("next"), "a key set that is a day old is not used");
    } finally {
      clock.mock.restore();
      server.closeAllConnections();
      server.close();
    }
  });

  it("fail the start with the setting's and the file's name", async () => {
    const short = await file("short", "short");
    const broken = await file("broken.json", "{}");
    const faults: readonly [KeySettings, RegExp][] = [
      [{ ...NONE, secretFile: "/nowhere" }, /CCSP_JWT_SECRET_FILE \(\/nowhere\) cannot be read/],
      [{ ...NONE, secretFile: short }, /CCSP_JWT_SECRET_FILE \(.*short\) holds 5 bytes/],
      [{ ...NONE, jwksFile: broken }, /CCSP_JWT_JWKS_FILE \(.*broken\.json\) holds no JSON Web Key Set/],
    ];
    for (const [settings, message] of faults) await assert.rejects(loadTokenKeys(settings, never), message);
  });
});
