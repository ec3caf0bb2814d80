import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { createAuthenticator } from "../src/auth/authenticator.js";
import { type KeySettings, loadTokenKeys } from "../src/auth/token-keys.js";

const NONE: KeySettings = { secret: undefined, secretFile: undefined, jwksFile: undefined, jwksUrl: undefined };

describe("the gateway's keys", () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-gateway-"));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const file = async (name: string, text: string) => {
    await writeFile(join(dir, name), text);
    return join(dir, name);
  };

  it("verify HS256 with the secret in a file, without its last line break", async () => {
    const secret = "a secret of this test and of nothing else";
    const keys = await loadTokenKeys({ ...NONE, secretFile: await file("secret", `${secret}\n`) });
    assert.deepEqual([...keys.keys()], ["HS256"]);
    const token = await new SignJWT({ aud: "ccsp", sub: "alice" })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("1m")
      .sign(new TextEncoder().encode(secret));
    const authenticator = createAuthenticator({ keys, audience: "ccsp", issuer: undefined });
    assert.equal((await authenticator.authenticate(`Bearer ${token}`)).agentId, "alice");
  });

  it("verify EdDSA with a key set from an address, and keep no shared secret beside it", async () => {
    const { publicKey, privateKey } = await generateKeyPair("EdDSA", { extractable: true });
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "k" }] });
    const server = createServer((_request, response) => response.end(jwks));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const address = server.address();
      assert.ok(address && typeof address === "object");
      const keys = await loadTokenKeys({ ...NONE, jwksUrl: `http://127.0.0.1:${address.port}/jwks.json` });
      assert.ok(!keys.has("HS256"));
      const token = await new SignJWT({ aud: "ccsp", sub: "alice" })
        .setProtectedHeader({ alg: "EdDSA", kid: "k" })
        .setExpirationTime("1m")
        .sign(privateKey);
      const authenticator = createAuthenticator({ keys, audience: "ccsp", issuer: undefined });
      assert.equal((await authenticator.authenticate(`Bearer ${token}`)).agentId, "alice");
    } finally {
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
    for (const [settings, message] of faults) await assert.rejects(loadTokenKeys(settings), message);
  });
});
