import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthenticator, formatApiKey, hashOfSecret, newApiKeySecret, parseApiKey } from "@ccsp/authentication";
import { type Reason, Refusal } from "@ccsp/errors";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { type Identity, ROLES, type Scope } from "@ccsp/identity";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import { SignJWT } from "jose";
import pino from "pino";
import { opens } from "../src/keys/key-record.js";
import { createKeyStore } from "../src/keys/key-store.js";
import { createKeyVerifier } from "../src/keys/key-verifier.js";
import type { KeyRequest } from "../src/keys/keys.js";
import { type OpenKeys, openKeys } from "../src/keys/open-keys.js";
import { createOpenStreams, type OpenStream } from "../src/keys/open-streams.js";
import { openRevocationFeed } from "../src/keys/revocation-feed.js";
import { createRevocations } from "../src/keys/revocations.js";

const SECRET = new TextEncoder().encode("a secret of this test and of nothing else");
const tokens = createAuthenticator({ keys: new Map([["HS256", () => SECRET]]), audience: "ccsp", issuer: undefined });
const log = pino({ level: "silent" });
const DAY_MS = 24 * 3_600_000;

const person = (...scopes: Scope[]): Identity => ({ kind: "agent", subject: "root", scopes, proof: "token" });
const ADMIN = person("admin");
const CI: KeyRequest = { subject: "ci", name: "for CI", scopes: ["tasks:read"], role: "", lifetimeMs: undefined };

const refusesWith =
  (reason: Reason, message = /./) =>
  (error: unknown) => {
    assert.ok(error instanceof Refusal, String(error));
    assert.equal(error.reason, reason, error.message);
    assert.match(error.message, message);
    return true;
  };
const tokenOf = (sub: string, issuedMs = Date.now()) =>
  new SignJWT({ sub, aud: "ccsp", iat: Math.floor(issuedMs / 1000), exp: Math.floor(Date.now() / 1000) + 3_600 })
    .setProtectedHeader({ alg: "HS256" })
    .sign(SECRET);
const sends = ({ authenticator }: OpenKeys, bearer: string) =>
  authenticator.authenticate({ authorization: `Bearer ${bearer}`, address: "" });

describe("API keys and revocations", function () {
  this.timeout(60_000);
  let server: RedisServer;
  let folder: string;
  let limited: RedisConnection;
  /** For what only the test looks at. */
  let redis: RedisConnection;
  let gateways: OpenKeys[];
  const gateway = async (): Promise<OpenKeys> => {
    const opened = await openKeys(limited, { tokens, log });
    gateways.push(opened);
    return opened;
  };
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ccsp-keys-"));
    const users = await readFile(new URL("../../../deploy/redis/users.acl", import.meta.url), "utf8");
    const gatewayUser = /^user gateway .*$/m.exec(users)?.[0].replace("#SHA256-OF-PASSWORD", ">password");
    await writeFile(join(folder, "users.acl"), `user default on nopass ~* &* +@all\n${gatewayUser}\n`);
    server = await startRedis({
      appendOnly: true,
      args: ["--appendfsync", "no", "--aclfile", join(folder, "users.acl")],
    });
    redis = await openRedis(server.url, { log, name: "test" });
    // Everything here is done by the user that deploy/redis/users.acl gives the gateway.
    limited = await openRedis(server.url.replace("redis://", "redis://gateway:password@"), { log, name: "gateway" });
  });
  beforeEach(async () => {
    await redis.client.flushall();
    gateways = [];
  });
  afterEach(async () => {
    for (const opened of gateways) await opened.close();
  });
  after(async () => {
    await limited.close();
    await redis.close();
    await server.stop();
    await rm(folder, { recursive: true });
  });

  it("accept a key as its subject with its scopes, and store no secret", async () => {
    const one = await gateway();
    const { key, bearer } = await one.keys.create({ ...CI, role: "viewer" }, ADMIN);
    const { credentialId, ...identity } = await sends(one, bearer);
    assert.deepEqual(identity, {
      kind: "agent",
      subject: "ci",
      scopes: ["tasks:read", ...ROLES.viewer],
      proof: "key",
      expireTime: undefined,
    });
    assert.equal(credentialId, `key:${key.id}`);
    const secret = bearer.split("_")[2] ?? "";
    for (const name of await redis.client.keys("*")) {
      assert.ok(name.startsWith("ccsp:agents:{keys}:"), name);
      const dumped = await redis.client.dumpBuffer(name);
      assert.ok(!dumped?.includes(secret.slice(0, 20)), `${name} holds the secret`);
    }
  });

  it("refuse a key with a wrong secret in the same words as a key that does not exist", async () => {
    const one = await gateway();
    const { key } = await one.keys.create(CI, ADMIN);
    const messages: string[] = [];
    for (const id of [key.id, "abcdefghijkl"]) {
      const guess = formatApiKey({ id, secret: newApiKeySecret(id) });
      await assert.rejects(
        sends(one, guess),
        (error: Refusal) => messages.push(error.message) > 0 && refusesWith("TOKEN_INVALID")(error),
      );
    }
    assert.equal(new Set(messages).size, 1);
    await assert.rejects(sends(one, `ccsp_${key.id}_short`), refusesWith("TOKEN_INVALID", /mistyped/));
  });

  it("refuse a request for a key with what is wrong, field by field", async () => {
    const { keys } = await gateway();
    const wrong = { subject: "a/b", name: "x".repeat(129), scopes: ["everything"], role: "", lifetimeMs: -1 };
    await assert.rejects(keys.create(wrong, ADMIN), (error: Refusal) => {
      assert.deepEqual(
        error.fields.map(({ field }) => field),
        ["subject", "name", "scopes", "lifetime"],
      );
      return refusesWith("INVALID_FIELD")(error);
    });
    const others: Partial<KeyRequest>[] = [
      { scopes: [] },
      { role: "boss" },
      { name: "a\u001b[31mb" },
      { subject: "" },
      { subject: "oidc.alice" },
      { lifetimeMs: Number.MAX_SAFE_INTEGER },
    ];
    for (const other of others)
      await assert.rejects(keys.create({ ...CI, ...other }, ADMIN), refusesWith("INVALID_FIELD"));
    assert.deepEqual((await keys.list("", 0, "")).keys, []);
  });

  it("let nobody give a key a scope that he lacks, neither by a new key nor by a new secret of another's", async () => {
    const { keys } = await gateway();
    const clerk = person("keys:manage", "tasks:read");
    await keys.create(CI, clerk);
    for (const more of [{ scopes: ["tasks:read", "queue:manage"] }, { role: "agent" }, { scopes: ["admin"] }]) {
      await assert.rejects(keys.create({ ...CI, ...more }, clerk), refusesWith("SCOPE_MISSING"));
    }
    const { key } = await keys.create({ ...CI, role: "admin" }, ADMIN);
    await assert.rejects(keys.rotate(key.id, undefined, clerk), refusesWith("SCOPE_MISSING"));
    assert.equal((await keys.list("", 0, "")).keys.find(({ id }) => id === key.id)?.rotatedMs, undefined);
    await keys.revoke(key.id);
  });

  it("list keys newest first, in pages, and those of a subject", async () => {
    const { keys } = await gateway();
    const made: string[] = [];
    for (let count = 0; count < 7; count += 1) {
      const { key } = await keys.create({ ...CI, subject: count % 2 === 0 ? "even" : "odd" }, ADMIN);
      made.unshift(key.id);
    }
    // Seconds apart, but for two that were made in the same millisecond as the newest one.
    const index = "ccsp:agents:{keys}:index";
    const newestMs = 1_700_000_000_000;
    for (const [place, id] of made.entries()) {
      const at = String(newestMs - (place < 3 ? 0 : place * 1_000));
      await redis.client.zadd(index, at, id);
      await redis.client.hset(`ccsp:agents:{keys}:key:${id}`, "created_ms", at);
    }
    const listed: string[] = [];
    let token = "";
    do {
      const page = await keys.list("", 2, token);
      assert.ok(page.keys.length <= 2);
      listed.push(...page.keys.map(({ id }) => id));
      token = page.nextPageToken;
    } while (token !== "");
    assert.deepEqual(listed.toSorted(), made.toSorted());
    assert.deepEqual(listed.slice(3), made.slice(3));
    assert.equal((await keys.list("odd", 0, "")).keys.length, 3);
    for (const [size, page] of [
      [501, ""],
      [-1, ""],
      [1, "x"],
    ] as const) {
      await assert.rejects(keys.list("", size, page), refusesWith("INVALID_FIELD"));
    }
  });

  it("forget a key some time after its end, and take it out of the list", async () => {
    const one = await gateway();
    const ended = await one.keys.create({ ...CI, lifetimeMs: DAY_MS }, ADMIN);
    const lasting = await one.keys.create(CI, ADMIN);
    const name = `ccsp:agents:{keys}:key:${ended.key.id}`;
    const left = await redis.client.pttl(name);
    assert.ok(left > 30 * DAY_MS && left <= 31 * DAY_MS, `${left} ms`);
    assert.equal(await redis.client.pttl(`ccsp:agents:{keys}:key:${lasting.key.id}`), -1);
    await redis.client.pexpire(name, 0);
    assert.deepEqual(
      (await one.keys.list("", 0, "")).keys.map(({ id }) => id),
      [lasting.key.id],
    );
    assert.deepEqual(await redis.client.zrangebyscore("ccsp:agents:{keys}:index", "-inf", "+inf"), [lasting.key.id]);
  });

  it("refuse a key that has expired, and say when", async () => {
    const store = createKeyStore(limited.client);
    let nowMs = Date.now();
    const verifier = createKeyVerifier({ find: (id) => store.find(id), onUsed: () => undefined, now: () => nowMs });
    const { keys } = await gateway();
    const { key, bearer } = await keys.create({ ...CI, lifetimeMs: 60_000 }, ADMIN);
    await verifier.verify(bearer);
    // The clock of Redis made the key.
    nowMs = key.expiresMs ?? assert.fail("it does not expire");
    await assert.rejects(verifier.verify(bearer), refusesWith("TOKEN_EXPIRED", /expired at 20/));
  });

  it("accept both secrets of a rotated key during the grace, and only the new one after it", async () => {
    const store = createKeyStore(limited.client);
    let nowMs = Date.now();
    const verifier = createKeyVerifier({ find: (id) => store.find(id), onUsed: () => undefined, now: () => nowMs });
    const { keys } = await gateway();
    const first = await keys.create(CI, ADMIN);
    const second = await keys.rotate(first.key.id, 60_000, ADMIN);
    await verifier.verify(first.bearer);
    await verifier.verify(second.bearer);
    // The clock of Redis rotated the key.
    nowMs = (second.key.rotatedMs ?? assert.fail("it was not rotated")) + 60_000;
    await assert.rejects(verifier.verify(first.bearer), refusesWith("TOKEN_INVALID"));
    await verifier.verify(second.bearer);
  });

  it("keep the secret in use through its grace when answers of rotations are lost, until one without grace", async () => {
    let nowMs = Date.now();
    const store = createKeyStore(limited.client, () => nowMs);
    const { keys } = await gateway();
    const { key, bearer } = await keys.create(CI, ADMIN);
    const works = async () => {
      const record = (await store.find(key.id)) ?? assert.fail();
      return opens(record, parseApiKey(bearer)?.secret ?? "", nowMs);
    };
    for (const hash of ["lost", "lost too", "lost again", "arrived"]) {
      await store.rotate(key.id, hashOfSecret(hash), 60_000);
      nowMs += 10_000;
    }
    assert.equal((await store.find(key.id))?.earlier.length, 4);
    assert.equal(await works(), true);
    nowMs += 21_000;
    assert.equal(await works(), false, "its grace is that of the first rotation");
    nowMs -= 21_000;
    await store.rotate(key.id, hashOfSecret("at once"), 0);
    assert.equal(await works(), false);
  });

  it("end the earlier secret at once on every gateway when a key is rotated without grace", async () => {
    const [one, other] = [await gateway(), await gateway()];
    const { key, bearer } = await one.keys.create(CI, ADMIN);
    await sends(other, bearer);
    const rotated = await one.keys.rotate(key.id, 0, ADMIN);
    await assert.rejects(sends(one, bearer), refusesWith("TOKEN_INVALID"));
    await eventually(() => assert.rejects(sends(other, bearer), refusesWith("TOKEN_INVALID")));
    await sends(other, rotated.bearer);
  });

  it("give a repeated script the answer of the first, and change nothing twice", async () => {
    const store = createKeyStore(limited.client);
    const of = {
      id: "abcdefghijkl",
      name: "",
      subject: "ci",
      scopes: ["tasks:read"],
      createdBy: "x",
      lifetimeMs: undefined,
    };
    const [one, two] = [hashOfSecret("one"), hashOfSecret("two")];
    assert.deepEqual(
      [await store.create({ ...of, secretHash: one }), await store.create({ ...of, secretHash: one })],
      ["ok", "ok"],
    );
    assert.equal(await store.create({ ...of, secretHash: two }), "taken");
    await store.rotate(of.id, two, 60_000);
    const rotated = await store.find(of.id);
    await store.rotate(of.id, two, 60_000);
    assert.deepEqual(await store.find(of.id), rotated);
    assert.deepEqual(
      rotated?.earlier.map(({ hash }) => hash),
      [one],
    );
    await store.revoke(of.id);
    const [revoked, revision] = [await store.find(of.id), await store.revision()];
    await store.revoke(of.id);
    assert.deepEqual([await store.find(of.id), await store.revision()], [revoked, revision]);
    assert.equal(await store.rotate(of.id, one, 0), "missing");
    assert.equal(await store.revoke("lkjihgfedcba"), "missing");
  });

  it("note the last use of a key, at most once a minute", async () => {
    const one = await gateway();
    const { key, bearer } = await one.keys.create(CI, ADMIN);
    const lastUse = async () => (await one.keys.list("", 0, "")).keys[0]?.lastUsedMs;
    assert.equal(await lastUse(), undefined);
    await sends(one, bearer);
    const first = await eventually(async () => (await lastUse()) ?? assert.fail());
    const other = await gateway();
    for (let count = 0; count < 5; count += 1) await sends(other, bearer);
    const store = createKeyStore(limited.client, () => first + 59_000);
    await store.markUsed(key.id);
    assert.equal(await lastUse(), first);
    await createKeyStore(limited.client, () => first + 60_000).markUsed(key.id);
    assert.equal(await lastUse(), first + 60_000);
    await redis.client.del(`ccsp:agents:{keys}:key:${key.id}`);
    await store.markUsed(key.id);
    assert.equal(await redis.client.exists(`ccsp:agents:{keys}:key:${key.id}`), 0, "a use brings no key back");
  });

  it("refuse a revoked key and end its open streams on every gateway, and nobody else's", async () => {
    const [one, other] = [await gateway(), await gateway()];
    const { key, bearer } = await one.keys.create(CI, ADMIN);
    const lasting = await one.keys.create(CI, ADMIN);
    const stopped: string[] = [];
    for (const [name, opened, by] of [
      ["one", one, bearer],
      ["other", other, bearer],
      ["lasting", other, lasting.bearer],
    ] as const) {
      const identity = await sends(opened, by);
      opened.streams.add({ identity, stop: ({ reason }) => void stopped.push(`${name} ${reason}`) });
    }
    assert.ok((await one.keys.revoke(key.id)).revokedMs);
    await assert.rejects(sends(one, bearer), refusesWith("TOKEN_REVOKED"));
    await eventually(() => assert.deepEqual(stopped.toSorted(), ["one TOKEN_REVOKED", "other TOKEN_REVOKED"]));
    await assert.rejects(sends(other, bearer), refusesWith("TOKEN_REVOKED"));
    await sends(other, lasting.bearer);
    assert.deepEqual(await one.keys.revoke(key.id), await one.keys.revoke(key.id));
    await assert.rejects(one.keys.revoke("abcdefghijkl"), refusesWith("KEY_NOT_FOUND"));
  });

  it("refuse a revoked token everywhere, and a gateway that starts later too, until it expires by itself", async () => {
    const [one, other] = [await gateway(), await gateway()];
    const [token, lasting] = [await tokenOf("alice"), await tokenOf("alice", Date.now() - 1_000)];
    await sends(other, token);
    await one.keys.revokeToken(token);
    await one.keys.revokeToken(token);
    await assert.rejects(sends(one, token), refusesWith("TOKEN_REVOKED"));
    await eventually(() => assert.rejects(sends(other, token), refusesWith("TOKEN_REVOKED")));
    const later = await gateway();
    await assert.rejects(sends(later, token), refusesWith("TOKEN_REVOKED"));
    await sends(later, lasting);
    const [[, until] = []] = await createKeyStore(limited.client)
      .revoked()
      .then(({ credentials }) => [...credentials]);
    assert.ok(until && until > Date.now() + 3_590_000 && until < Date.now() + 3_700_000);
    // A revocation after that time removes it.
    await createKeyStore(limited.client, () => until).revokeTokensOf("nobody");
    assert.equal((await createKeyStore(limited.client).revoked()).credentials.size, 0);
  });

  it("refuse all tokens of a subject that were issued until now, but not newer ones, its keys or others'", async () => {
    const one = await gateway();
    const { bearer } = await one.keys.create({ ...CI, subject: "alice" }, ADMIN);
    const old = await tokenOf("alice", Date.now() - 2_000);
    await sends(one, old);
    await one.keys.revokeTokensOf("alice");
    await assert.rejects(sends(one, old), refusesWith("TOKEN_REVOKED"));
    const undated = await new SignJWT({ sub: "alice", aud: "ccsp", exp: Date.now() })
      .setProtectedHeader({ alg: "HS256" })
      .sign(SECRET);
    await assert.rejects(sends(one, undated), refusesWith("TOKEN_REVOKED"));
    await sends(one, await tokenOf("alice", Date.now() + 2_000));
    await sends(one, await tokenOf("bob", Date.now() - 2_000));
    await sends(one, bearer);
    await assert.rejects(one.keys.revokeTokensOf("a/b"), refusesWith("INVALID_FIELD"));
  });

  it("revoke no text that is not a token of this installation", async () => {
    const { keys } = await gateway();
    const { bearer } = await keys.create(CI, ADMIN);
    for (const [text, message] of [
      ["x", /not a JWT/],
      ["", /token/],
      [bearer, /by its id/],
    ] as const) {
      await assert.rejects(keys.revokeToken(text), refusesWith("INVALID_FIELD", message));
    }
  });

  it("check a call again when it begins: its request may have arrived long after it was let in", async () => {
    const one = await gateway();
    const { key, bearer } = await one.keys.create(CI, ADMIN);
    const identity = await sends(one, bearer);
    await one.keys.revoke(key.id);
    assert.throws(() => one.streams.check(identity), refusesWith("TOKEN_REVOKED"));
    assert.throws(() => one.streams.add({ identity, stop: () => undefined }), refusesWith("TOKEN_REVOKED"));
  });

  it("learn of a revocation although every message is lost", async () => {
    const store = createKeyStore(limited.client);
    const revocations = createRevocations();
    let changes = 0;
    const feed = await openRevocationFeed({
      store,
      subscriber: undefined,
      revocations,
      onChange: () => void (changes += 1),
      log,
      everyMs: 5,
    });
    try {
      assert.equal(changes, 1);
      const identity = { ...ADMIN, credentialId: "token:t" };
      await store.revokeToken("token:t", Date.now() + 60_000);
      await eventually(() => assert.ok(revocations.isRevoked(identity)));
      assert.equal(changes, 2, "without a change, nothing is read again");
    } finally {
      await feed.close();
    }
  });

  it("learn of a revocation by its message at once", async () => {
    const store = createKeyStore(limited.client);
    const revocations = createRevocations();
    const subscriber = await limited.duplicate();
    const everyMs = 3_600_000;
    const feed = await openRevocationFeed({ store, subscriber, revocations, onChange: () => undefined, log, everyMs });
    try {
      await store.revokeToken("token:t", Date.now() + 60_000);
      await eventually(() => assert.ok(revocations.isRevoked({ ...ADMIN, credentialId: "token:t" })));
    } finally {
      await feed.close();
      limited.release(subscriber);
    }
  });

  it("stay revoked when Redis forgets the revocation", async () => {
    const one = await gateway();
    const token = await tokenOf("alice");
    await one.keys.revokeToken(token);
    await redis.client.flushall();
    await one.keys.revokeTokensOf("bob");
    await assert.rejects(sends(one, token), refusesWith("TOKEN_REVOKED"));
  });

  it("survive a restart of Redis, and so do revocations", async () => {
    const one = await gateway();
    const [lasting, gone] = [await one.keys.create(CI, ADMIN), await one.keys.create(CI, ADMIN)];
    await one.keys.revoke(gone.key.id);
    await server.restart();
    const later = await eventually(() => gateway());
    await sends(later, lasting.bearer);
    await assert.rejects(sends(later, gone.bearer), refusesWith("TOKEN_REVOKED"));
  });

  it("forget the streams that have ended", () => {
    const stopped: OpenStream[] = [];
    let late = false;
    const streams = createOpenStreams(() => late);
    const stream = { identity: ADMIN, stop: () => void stopped.push(stream) };
    streams.add(stream)();
    late = true;
    assert.deepEqual([streams.endRevoked(), stopped], [0, []]);
  });
});
