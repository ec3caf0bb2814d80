import assert from "node:assert/strict";
import { createAuthenticator, formatApiKey, newApiKeyId, newApiKeySecret } from "@ccsp/authentication";
import { Refusal } from "@ccsp/errors";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import { within } from "@ccsp/timing";
import { SignJWT } from "jose";
import pino from "pino";
import { type OpenKeys, openKeys } from "../src/keys/open-keys.js";

const SECRET = new TextEncoder().encode("a secret of this test and of nothing else");
const log = pino({ level: "silent" });
/** Shorter than the 10 s for which a command waits for Redis. */
const SOON_MS = 5_000;
const isAway = (error: unknown) => error instanceof Refusal && error.reason === "DEPENDENCY_UNAVAILABLE";

describe("API keys while Redis is away", function () {
  this.timeout(60_000);
  let server: RedisServer;
  let redis: RedisConnection;
  let opened: OpenKeys;
  before(async () => {
    server = await startRedis({ appendOnly: true, args: ["--appendfsync", "no"] });
    redis = await openRedis(server.url, { log, name: "test" });
    const keys = new Map([["HS256", () => SECRET]]);
    const tokens = createAuthenticator({ keys, audience: "ccsp", issuer: undefined });
    opened = await openKeys(redis, { tokens, log });
  });
  after(async () => {
    await opened.close();
    await redis.close();
    await server.stop();
  });
  const sends = (bearer: string) =>
    within(SOON_MS, opened.authenticator.authenticate({ authorization: `Bearer ${bearer}`, address: "" }), () => {
      throw new Error(`no answer within ${SOON_MS} ms`);
    });
  const unknownKey = () => {
    const id = newApiKeyId();
    return formatApiKey({ id, secret: newApiKeySecret(id) });
  };

  for (const [how, leave, comeBack] of [
    ["is dead", () => server.kill9(), () => server.restart()],
    ["hangs", async () => process.kill(server.pid, "SIGSTOP"), async () => process.kill(server.pid, "SIGCONT")],
  ] as const) {
    it(`answer at once when Redis ${how}: a known key is accepted, another is refused, and tokens notice nothing`, async () => {
      const by = { kind: "agent", subject: "root", scopes: ["admin"], proof: "token" } as const;
      const request = { subject: "ci", name: "", scopes: ["tasks:read"], role: "", lifetimeMs: undefined };
      const { bearer } = await opened.keys.create(request, by);
      const gone = await opened.keys.create(request, by);
      await opened.keys.revoke(gone.key.id);
      await sends(bearer);
      await leave();
      try {
        for (let round = 0; round < 3; round += 1) {
          assert.equal((await sends(bearer)).subject, "ci");
          await assert.rejects(sends(unknownKey()), isAway);
          await assert.rejects(sends(gone.bearer), isAway);
          await assert.rejects(opened.keys.create(request, by), isAway);
        }
        const token = await new SignJWT({ sub: "alice", aud: "ccsp", exp: Date.now() })
          .setProtectedHeader({ alg: "HS256" })
          .sign(SECRET);
        assert.equal((await sends(token)).subject, "alice");
      } finally {
        await comeBack();
      }
      await eventually(() => assert.rejects(sends(gone.bearer), /revoked/));
      await eventually(() => sends(bearer));
    });
  }
});
