import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "@ccsp/docs-generator/blocks.js";
import { type Resource, readResources } from "@ccsp/k8s-checks/build.js";

type Secret = Resource & { readonly data: Readonly<Record<string, string>> };

describe("k8s/secrets.sh", function () {
  this.timeout(60_000);
  let folder: string;

  /** The script and what it reads, as the image ccsp-cli has them; `ccsp` is on no PATH. */
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "ccsp-secrets-"));
    for (const path of ["k8s/secrets.sh", "k8s/base/namespaces.yaml", "deploy/redis/users.acl"])
      cpSync(join(ROOT, path), join(folder, path));
    mkdirSync(join(folder, "programs"));
    symlinkSync(process.execPath, join(folder, "programs/node"));
    writeFileSync(join(folder, "claude.env"), "ANTHROPIC_API_KEY=key\n");
  });
  after(() => rmSync(folder, { recursive: true }));

  const run = (line: string, input = "") => {
    const { status, stdout, stderr } = spawnSync(join(folder, "k8s/secrets.sh"), line.split(" "), {
      cwd: folder,
      env: { PATH: `${join(folder, "programs")}:/usr/bin:/bin`, HOME: folder },
      input,
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  };
  const secretsIn = (stdout: string) =>
    new Map(
      readResources(stdout)
        .filter((each): each is Secret => each.kind === "Secret")
        .map(({ metadata: { name, namespace }, data }) => [
          `${namespace}/${name}`,
          Object.fromEntries(
            Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
          ),
        ]),
    );

  it("prints nothing at all when it cannot make all", () => {
    for (const [line, input, message] of [
      ["--certificates", "", /certificates need the command ccsp on PATH, or the image ccsp-cli/],
      ["--engine none.env", "", /none\.env/],
      ["--only-certificates --engine claude.env", "", /--only-certificates prints nothing else/],
      ["--host ccsp.lan", "", /--authority and --host need/],
    ] as const) {
      const { status, stdout, stderr } = run(line, input);
      assert.deepEqual({ status, stdout }, { status: 1, stdout: "" }, line);
      assert.match(stderr, message, line);
    }
    assert.equal(run("--sentinels").status, 2);
  });

  it("makes passwords, tokens' secret, login and certificates, and later the certificates alone from their authority", () => {
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "bin/ccsp.js"), `import(${JSON.stringify(join(ROOT, "packages/cli/bin/ccsp.js"))});\n`);
    // Without what it keeps, nothing is printed.
    for (const input of ["", "host: ccsp.lan\n"])
      assert.deepEqual(
        { ...run("--only-certificates --authority -", input), stderr: "" },
        { status: 1, stdout: "", stderr: "" },
      );

    // The path of the login is relative: it is seen from where the command was typed.
    const first = run("--certificates --host ccsp.lan --engine claude.env");
    assert.equal(first.status, 0, first.stderr);
    const made = secretsIn(first.stdout);
    assert.equal(made.get("ccsp-executors/ccsp-engine-login")?.["claude.env"], "ANTHROPIC_API_KEY=key\n");
    assert.match(made.get("ccsp/ccsp-tokens")?.["jwt.secret"] ?? "", /^[A-Za-z0-9]{32,}$/);
    const authority = made.get("ccsp-authority/ccsp-ca")?.["authority.pem"] ?? "";
    const before = certificatesIn(made, authority);

    const second = run("--only-certificates --authority -", authority);
    assert.equal(second.status, 0, second.stderr);
    const renewed = secretsIn(second.stdout);
    assert.deepEqual(
      [...renewed.keys()].toSorted(),
      [...made.keys()].filter((name) => name.endsWith("-tls")).toSorted(),
    );
    const after = certificatesIn(renewed, authority);
    assert.equal(new Set([...before, ...after]).size, before.length + after.length);
  });
});

/** The serial of each certificate. Each is what its service and its callers need. */
function certificatesIn(secrets: ReadonlyMap<string, Readonly<Record<string, string>>>, authority: string): string[] {
  const signer = new X509Certificate(authority);
  const names = [...secrets.keys()].filter((name) => name.endsWith("-tls"));
  assert.equal(names.length, 7);
  return names.map((name) => {
    const { "ca.crt": ca = "", "tls.crt": certificate = "", "tls.key": key = "" } = secrets.get(name) ?? {};
    const x509 = new X509Certificate(certificate);
    assert.equal(new X509Certificate(ca).fingerprint256, signer.fingerprint256, name);
    assert.ok(!ca.includes("PRIVATE KEY"), name);
    assert.ok(x509.verify(signer.publicKey) && x509.checkIssued(signer), name);
    assert.ok(x509.checkPrivateKey(createPrivateKey(key)), name);
    const service = name.replace(/^[\w-]+\/ccsp-(.*)-tls$/, "$1");
    assert.ok(x509.subjectAltName?.includes(`URI:spiffe://ccsp/service/${service}`), `${name}: ${x509.subjectAltName}`);
    if (service === "gateway-public") assert.equal(x509.checkHost("ccsp.lan"), "ccsp.lan");
    if (service === "redis") assert.ok(x509.checkHost("redis-2.redis-headless.ccsp.svc"));
    return x509.serialNumber;
  });
}
