import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthority, issueCertificate } from "@ccsp/certificates";
import { SERVICES } from "@ccsp/fleet";
import { ccsp } from "./memory-io.js";

describe("ccsp certs", () => {
  let dir: string;
  let certs: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-cli-"));
    certs = join(dir, "certs");
  });
  afterEach(() => rm(dir, { recursive: true }));

  const run = (...args: readonly string[]) => ccsp(["certs", ...args], { env: { CCSP_STATE_DIR: join(dir, "state") } });
  const shown = async (path: string): Promise<Record<string, unknown>[]> => {
    const { stdout } = await run("show", path, "-o", "json");
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  };
  const bytesOf = (path: string) => readFile(join(certs, path), "utf8");

  it("makes a CA, and a folder for each service that only the owner can read", async () => {
    const { code, stdout } = await run("init", certs);
    assert.equal(code, 0);
    assert.match(stdout, /^made CCSP CA \d{4}-\d\d-\d\d [0-9a-f]{6} in .*certs\nmade gateway: there was none\n/);
    assert.deepEqual(await readdir(certs), ["ca.crt", "ca.key", ...SERVICES].toSorted());
    for (const service of SERVICES) {
      assert.deepEqual(await readdir(join(certs, service)), ["ca.crt", "tls.crt", "tls.key"]);
      assert.equal((await stat(join(certs, service))).mode & 0o777, 0o700);
      assert.equal((await stat(join(certs, service, "tls.key"))).mode & 0o777, 0o600);
      assert.equal(await bytesOf(`${service}/ca.crt`), await bytesOf("ca.crt"));
    }
    const names = (await shown(certs)).map(({ kind, name, state }) => [kind, name, state].join(" "));
    assert.match(names[0] ?? "", /^ca CCSP CA .* VALID$/);
    assert.deepEqual(
      names.slice(1),
      [...SERVICES].toSorted().map((name) => `service ${name} VALID`),
    );
  });

  it("never changes the mode of a folder that was there", async () => {
    await chmod(dir, 0o755);
    assert.equal((await run("init", dir)).code, 0);
    assert.equal((await stat(dir)).mode & 0o777, 0o755);
    assert.equal((await stat(join(dir, "ca.key"))).mode & 0o777, 0o600);
  });

  it("keeps a CA that is there, makes only what is due again, and says so", async () => {
    await run("init", certs);
    const [ca, key, queue] = [await bytesOf("ca.crt"), await bytesOf("ca.key"), await bytesOf("queue/tls.crt")];
    await run("issue", "gateway-public", "--host", "ccsp.example.org", "--folder", certs, "--days", "30");
    for (const folder of ["gateway", "gateway-public"]) await writeFile(join(certs, folder, "tls.key"), "damaged");
    const { stdout } = await run("init", certs);
    assert.match(
      stdout,
      /^CCSP CA .* stays\nmade gateway: the files were damaged\nmade gateway-public: the files were/,
    );
    assert.deepEqual(
      [await bytesOf("ca.crt"), await bytesOf("ca.key"), await bytesOf("queue/tls.crt")],
      [ca, key, queue],
    );
    const [, renewed] = await shown(join(certs, "gateway-public"));
    assert.deepEqual(renewed?.["hosts"], ["gateway-public", "localhost", "127.0.0.1", "::1", "ccsp.example.org"]);
    const days = (Date.parse(String(renewed?.["expireTime"])) - Date.now()) / 86_400_000;
    assert.equal(Math.round(days), 30);
    assert.match((await run("init", certs)).stdout, /^CCSP CA .* stays\nnothing is due\n$/);
  });

  it("replaces a CA only when it is told to, and services go on trusting the old one", async () => {
    await run("init", certs);
    const [before] = await shown(join(certs, "ca.crt"));
    const { stdout } = await run("init", certs, "--new-ca");
    assert.match(stdout, /^made CCSP CA [^]*\nmade queue: another CA signed the old one\n/);
    const trusted = await shown(join(certs, "queue", "ca.crt"));
    assert.equal(trusted.length, 2);
    assert.equal(trusted[1]?.["name"], before?.["name"]);
    const [certificate] = await shown(join(certs, "queue", "tls.crt"));
    assert.equal(certificate?.["issuer"], trusted[0]?.["name"]);
  });

  it("issues certificates for hosts and people, and keeps the hosts of the one before", async () => {
    await run("init", certs);
    const hosts = ["--host", "queue.internal", "--host", "10.0.0.7"];
    assert.equal((await run("issue", "queue", ...hosts, "--folder", certs)).code, 0);
    const again = await run("issue", "queue", "--folder", certs, "-o", "json");
    assert.deepEqual(JSON.parse(again.stdout).hosts.slice(-2), ["queue.internal", "10.0.0.7"]);

    const { stdout } = await run("issue", "ann@example.com", "--operator", "--days", "7", "--folder", certs);
    assert.match(
      stdout,
      /^made spiffe:\/\/ccsp\/operator\/ann@example\.com in .*operators\/ann@example\.com, valid until /,
    );
    const { stdout: table } = await run("show", certs);
    assert.match(
      table,
      /^operator ann@example\.com +VALID +in (7 days|6 days 2\d h) +operators\/ann@example\.com\/tls\.crt$/m,
    );
  });

  it("shows what is wrong with a certificate", async () => {
    const authority = await createAuthority(certs);
    const at = (days: number) => new Date(Date.now() + days * 86_400_000);
    const make = (name: string, now: Date) =>
      issueCertificate(authority, { folder: join(certs, name), name: { kind: "service", name } }, now);
    await make("due", at(-70));
    await make("early", at(2));
    await make("expired", at(-100));
    await make("wrong", at(0));
    await writeFile(join(certs, "wrong", "tls.key"), await bytesOf("due/tls.key"));
    const { stdout } = await run("show", certs);
    for (const line of [/due +DUE +in 20 days/, /early +EARLY/, /expired +EXPIRED +10 days ago/, /wrong +WRONG KEY/]) {
      assert.match(stdout, line);
    }
  });

  it("refuses what it cannot do, with what to do instead", async () => {
    const refused = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await run(...args);
      assert.deepEqual([code, stdout], [2, ""]);
      return stderr;
    };
    const none = `ccsp: ${certs} has no CA: make one with \`ccsp certs init ${certs}\`\n`;
    assert.equal(await refused("issue", "queue", "--folder", certs), none);
    assert.equal(await refused("show", certs), `ccsp: there is no file or folder ${certs}\n`);
    assert.equal(await refused("show", dir), `ccsp: ${dir} has no certificate\n`);
    await run("init", certs);
    await rm(join(certs, "ca.key"));
    assert.match(await refused("init", certs), /ca\.crt is there, but .*ca\.key is missing/);
    assert.match(await refused("issue", "../queue", "--folder", certs), /'\.\.\/queue' is not a service name/);
    assert.match(await refused("issue", "..", "--operator", "--folder", certs), /'\.\.' is not an operator's name/);
    await writeFile(join(certs, "ca.crt"), "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n");
    assert.match(await refused("show", certs), /ca\.crt is damaged, or holds something else/);
  });

  it("uses the local fleet's folder when none is named", async () => {
    assert.equal((await run("init")).code, 0);
    const { stdout } = await run("show", "-o", "name");
    assert.match(stdout, new RegExp(`^${join(dir, "state", "certificates", "ca.crt")}\n`));
  });
});
