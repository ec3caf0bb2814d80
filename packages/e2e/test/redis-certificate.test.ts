import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "node:tls";
import { type Authority, createAuthority, issueCertificate } from "@ccsp/certificates";
import { ROOT } from "@ccsp/docs-generator/blocks.js";
import { freePort, type ManagedProcess, type RedisServer, startProcess, startRedis } from "@ccsp/fleet";
import { eventually, pathWithRedisCli } from "@ccsp/testkit";

const SCRIPT = join(ROOT, "k8s/components/redis-certificate/follow-certificate.sh");
const PASSWORD = "a-password-of-this-test";
const DAY_MS = 86_400_000;

/** What a new connection gets: the serial number of the certificate, and why it is not trusted. */
function handshake(port: number, ca: string): Promise<{ readonly serial: string; readonly fault: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, ca, rejectUnauthorized: false }, () => {
      // Node sets a code such as CERT_HAS_EXPIRED, although its type says Error.
      const fault: unknown = socket.authorizationError;
      resolve({ serial: socket.getPeerCertificate().serialNumber, fault: typeof fault === "string" ? fault : "" });
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

describe("follow-certificate.sh", function () {
  this.timeout(30_000);
  let dir: string;
  let authority: Authority;
  let tools: Awaited<ReturnType<typeof pathWithRedisCli>>;
  let server: RedisServer | undefined;
  let follower: ManagedProcess | undefined;
  const lines: string[] = [];

  before(async function () {
    tools = await pathWithRedisCli(this);
    dir = await mkdtemp(join(tmpdir(), "ccsp-redis-certificate-"));
    authority = await createAuthority(join(dir, "authority"));
    await mkdir(join(dir, "tls"));
    await writeFile(join(dir, "password"), PASSWORD);
  });
  afterEach(async () => {
    await follower?.stop();
    await server?.stop();
    [follower, server] = [undefined, undefined];
    lines.length = 0;
  });
  after(async () => {
    await tools?.close();
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  /** Makes a certificate that ends in `ms`, in a folder of its own. */
  async function issue(name: string, ms: number): Promise<{ readonly folder: string; readonly serial: string }> {
    const folder = join(dir, name);
    const from = new Date(Date.now() - DAY_MS + ms);
    await issueCertificate(authority, { folder, name: { kind: "service", name: "redis" }, days: 1 }, from);
    return { folder, serial: new X509Certificate(await readFile(join(folder, "tls.crt"))).serialNumber };
  }
  /** Replaces a file at once, as a program that renews certificates does. */
  const put = async (folder: string, file: string) => {
    await cp(join(folder, file), join(dir, "tls", `${file}.new`));
    await rename(join(dir, "tls", `${file}.new`), join(dir, "tls", file));
  };

  const follow = async (program: string, env: Readonly<Record<string, string>>): Promise<ManagedProcess> =>
    startProcess({
      name: "follow-certificate.sh",
      command: "/bin/sh",
      args: [SCRIPT, program, join(dir, "tls"), join(dir, "password")],
      env: { PATH: tools.path, CCSP_CERTIFICATE_LOOK_SECONDS: "0.2", ...env },
      onLine: (line) => void lines.push(line),
    });

  it("makes Redis take a renewed certificate, keeps the old one until its key is there, and outlives the old one's end", async () => {
    const old = await issue("old", 3_000);
    for (const file of ["tls.crt", "tls.key", "ca.crt"]) await put(old.folder, file);
    // The user of deploy/redis, as an installation has it.
    const users = await readFile(join(ROOT, "deploy/redis/users.acl"), "utf8");
    const hash = createHash("sha256").update(PASSWORD).digest("hex");
    const aclFile = join(dir, "users.acl");
    await writeFile(aclFile, users.replaceAll("#SHA256-OF-PASSWORD", `#${hash}`));
    const port = await freePort();
    const files = ["--tls-cert-file", join(dir, "tls/tls.crt"), "--tls-key-file", join(dir, "tls/tls.key")];
    const tls = ["--tls-port", String(port), ...files, "--tls-ca-cert-file", join(dir, "tls/ca.crt")];
    server = await startRedis({ args: [...tls, "--tls-auth-clients", "no", "--aclfile", aclFile] });
    follower = await follow("redis", { CCSP_REDIS_PORT: String(port) });
    const ca = await readFile(join(old.folder, "ca.crt"), "utf8");
    assert.equal((await handshake(port, ca)).serial, old.serial);

    const renewed = await issue("renewed", DAY_MS);
    await put(renewed.folder, "tls.crt");
    await eventually(() => assert.match(lines.join("\n"), /has not taken the certificate.* is asked again: ERR/));
    assert.equal((await handshake(port, ca)).serial, old.serial);
    // The old certificate ends meanwhile: this is what happens to a Redis that nobody tells.
    await eventually(
      async () => assert.deepEqual(await handshake(port, ca), { serial: old.serial, fault: "CERT_HAS_EXPIRED" }),
      { timeoutMs: 15_000 },
    );
    await put(renewed.folder, "tls.key");
    await eventually(async () => assert.deepEqual(await handshake(port, ca), { serial: renewed.serial, fault: "" }));
    await eventually(() => assert.match(lines.at(-1) ?? "", /^Redis has taken the certificate/));
    assert.equal(lines.length, 2, lines.join("\n"));
  });

  it("ends a Sentinel, which cannot take it while it runs, one pod after the other", async () => {
    const [old, renewed] = [await issue("old", DAY_MS), await issue("renewed", DAY_MS)];
    for (const file of ["tls.crt", "tls.key", "ca.crt"]) await put(old.folder, file);
    const sentinel = await startProcess({ name: "sentinel", command: "/bin/sleep", args: ["60"], env: {} });
    try {
      follower = await follow("sentinel", { HOSTNAME: "redis-1", CCSP_SENTINEL_PID: String(sentinel.pid) });
      // The script may not have read the first content yet, so the content changes until it has seen a change.
      for (let at = 0; lines.length === 0 && at < 200; at++) {
        await put([renewed, old][at % 2]?.folder ?? "", "tls.crt");
        await pause(50);
      }
      assert.match(lines.join("\n"), /this Sentinel starts again with it/);
      assert.deepEqual(await sentinel.exited, { code: null, signal: "SIGTERM" });
    } finally {
      await sentinel.stop();
    }
  });
});
