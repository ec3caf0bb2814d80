import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RedisSettings } from "@ccsp/config";
import { freePort, type RedisServer, startRedis } from "@ccsp/fleet";
import { type Authority, createAuthority, eventually } from "@ccsp/testkit";
import { Redis } from "ioredis";
import { pino } from "pino";
import { openRedis } from "../src/index.js";

const log = pino({ level: "silent" });

describe("openRedis with TLS", function () {
  this.timeout(20_000);
  let dir: string;
  let authority: Authority;
  let stranger: Authority;
  let caFile: string;
  const opened: { stop(): Promise<void> }[] = [];

  before(async function () {
    authority = await createAuthority(this);
    stranger = await createAuthority(this);
    dir = await mkdtemp(join(tmpdir(), "ccsp-redis-tls-"));
    caFile = join(dir, "ca.crt");
    const { certificate, key } = await authority.issue("localhost");
    await Promise.all([
      writeFile(caFile, authority.ca),
      writeFile(join(dir, "tls.crt"), certificate),
      writeFile(join(dir, "tls.key"), key),
    ]);
  });
  afterEach(async () => {
    for (const server of opened.splice(0).toReversed()) await server.stop();
  });
  after(async () => {
    await authority?.close();
    await stranger?.close();
    await rm(dir, { recursive: true, force: true });
  });

  /** Its plain port is open too, for what the test itself asks. */
  async function startTls(...args: string[]): Promise<RedisServer & { tlsPort: number }> {
    const tlsPort = await freePort();
    const files = ["--tls-cert-file", join(dir, "tls.crt"), "--tls-key-file", join(dir, "tls.key")];
    const tls = ["--tls-port", String(tlsPort), ...files, "--tls-ca-cert-file", caFile, "--tls-protocols", "TLSv1.3"];
    const server = await startRedis({ args: [...tls, "--tls-auth-clients", "no", ...args] });
    opened.push(server);
    return Object.assign(server, { tlsPort });
  }

  async function works(settings: RedisSettings): Promise<void> {
    const redis = await openRedis(settings, { log, name: "test" });
    try {
      const reader = await redis.duplicate();
      const popped = reader.blpop("{t}list", 0);
      await redis.client.rpush("{t}list", "x");
      assert.deepEqual(await popped, ["{t}list", "x"]);
    } finally {
      await redis.close();
    }
  }

  it("reaches a standalone server", async () => {
    const { tlsPort } = await startTls("--requirepass", "pw");
    await works({ url: `rediss://:pw@127.0.0.1:${tlsPort}`, caFile });
  });

  it("reaches a Cluster, by the name in its certificate", async () => {
    const name = ["--cluster-announce-hostname", "localhost", "--cluster-preferred-endpoint-type", "hostname"];
    const bus = ["--cluster-port", String(await freePort()), "--tls-cluster", "yes"];
    const server = await startTls("--cluster-enabled", "yes", ...bus, "--cluster-announce-ip", "127.0.0.1", ...name);
    const admin = new Redis(server.url);
    await admin.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await eventually(async () => assert.match(String(await admin.call("CLUSTER", "INFO")), /cluster_state:ok/));
    admin.disconnect();
    await works({ url: `rediss+cluster://127.0.0.1:${server.tlsPort}`, caFile });
  });

  it("asks Sentinels with TLS and with their own login, and knows when the certificates of all expire", async () => {
    const master = await startTls("--requirepass", "pw", "--tls-replication", "yes");
    const configFile = join(dir, "sentinel.conf");
    await writeFile(
      configFile,
      `sentinel monitor main 127.0.0.1 ${master.tlsPort} 1\nsentinel auth-pass main pw\nrequirepass sentinels\n`,
    );
    const tlsPort = await freePort();
    const files = ["--tls-cert-file", join(dir, "tls.crt"), "--tls-key-file", join(dir, "tls.key")];
    const tls = ["--tls-port", String(tlsPort), ...files, "--tls-ca-cert-file", caFile, "--tls-auth-clients", "no"];
    opened.push(await startRedis({ configFile, args: ["--sentinel", "--tls-replication", "yes", ...tls] }));
    const url = `rediss+sentinel://:pw@127.0.0.1:${tlsPort}/main`;
    await works({ url, caFile, sentinelLogin: ":sentinels" });
    const redis = await openRedis({ url, caFile, sentinelLogin: ":sentinels" }, { log, name: "test" });
    const expires = new Date(new X509Certificate(await readFile(join(dir, "tls.crt"))).validTo);
    // A server that answers late is left out.
    await eventually(async () =>
      assert.deepEqual(await redis.certificates(), [
        { server: "master", expires },
        { server: `127.0.0.1:${tlsPort}`, expires },
      ]),
    );
    await redis.close();
    await assert.rejects(
      openRedis({ url, caFile, sentinelLogin: ":wrong" }, { log, name: "test", startMs: 60_000 }),
      /refused the login \(CCSP_REDIS_SENTINEL_LOGIN\): .*WRONGPASS/,
    );
  });

  it("says at once that a certificate is of an unknown authority, or for another host", async () => {
    const { tlsPort } = await startTls("--bind", "127.0.0.1", "127.0.0.2");
    const other = join(dir, "other.crt");
    await writeFile(other, stranger.ca);
    for (const [url, file] of [
      [`rediss://127.0.0.1:${tlsPort}`, other],
      [`rediss://127.0.0.2:${tlsPort}`, caFile],
    ] as const)
      await assert.rejects(
        openRedis({ url, caFile: file }, { log, name: "test", startMs: 60_000 }),
        /CCSP_REDIS_CA_FILE does not trust, or that has another name: /,
      );
  });

  it("shows its own certificate to a server that asks for one, and says which setting is missing", async () => {
    const { tlsPort } = await startTls("--tls-auth-clients", "yes");
    const url = `rediss://127.0.0.1:${tlsPort}`;
    await works({ url, tlsDir: dir });
    await assert.rejects(
      openRedis({ url, caFile }, { log, name: "test", startMs: 60_000 }),
      /does not accept the certificate of this process \(CCSP_REDIS_TLS_DIR\)/,
    );
  });

  it("names a file that it cannot read", async () => {
    await assert.rejects(
      openRedis({ url: "rediss://127.0.0.1:1", caFile: join(dir, "none.crt") }, { log, name: "test" }),
      /the TLS files of Redis cannot be read: .*none\.crt/,
    );
  });

  it("uses replaced authorities for the next connection, without a restart", async () => {
    const server = await startTls();
    const file = join(dir, "rotated.crt");
    await writeFile(file, authority.ca);
    const redis = await openRedis({ url: `rediss://127.0.0.1:${server.tlsPort}`, caFile: file }, { log, name: "test" });
    const admin = new Redis(server.url);
    try {
      await rm(file);
      await admin.call("CLIENT", "KILL", "TYPE", "normal");
      await eventually(() => redis.ping());

      await writeFile(file, stranger.ca);
      await admin.call("CLIENT", "KILL", "TYPE", "normal");
      await eventually(() => assert.rejects(redis.ping(), /is not connected/));
      await writeFile(file, authority.ca);
      await eventually(() => redis.ping());
    } finally {
      await redis.close();
      admin.disconnect();
    }
  });
});

describe("a command that the ACL refuses", () => {
  it("is named, with its user and where the rules are", async () => {
    const server = await startRedis();
    const admin = new Redis(server.url);
    await admin.call("ACL", "SETUSER", "queue", "on", ">pw", "~ccsp:queue:*", "+get", "+info");
    const redis = await openRedis(server.url.replace("//", "//queue:pw@"), { log, name: "test" });
    try {
      await assert.rejects(redis.client.set("ccsp:queue:a", "1"), /^ReplyError: NOPERM .*'set'.* \(set as user queue;/);
      await assert.rejects(redis.client.get("other"), /NOPERM .*key.* \(get as user queue; deploy\/redis\/users\.acl/);
      const refused: unknown = await redis.client.get("other").catch((error: unknown) => error);
      assert.ok(refused instanceof Error);
      assert.match(
        String(refused.cause),
        /^Error: get as user queue; deploy/,
        "a log keeps no message of Redis itself",
      );
    } finally {
      await redis.close();
      admin.disconnect();
      await server.stop();
    }
  });
});
