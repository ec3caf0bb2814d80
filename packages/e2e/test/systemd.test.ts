import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { loadDefinitions } from "@ccsp/cli";
import { describeSettings } from "@ccsp/config";
import { SERVICES } from "@ccsp/fleet";
import { skip } from "@ccsp/testkit";

const DEPLOY = fileURLToPath(new URL("../../../deploy", import.meta.url));
const UNITS = join(DEPLOY, "systemd");
/** `systemd-analyze security` counts from 0, the safest, to 10. Sandboxes of runs need namespaces and mounts. */
const MOST_EXPOSED = { service: 1.5, executor: 3.5 };

const run = promisify(execFile);
const install = (...args: readonly string[]) =>
  run(join(DEPLOY, "install.sh"), args, { env: { ...process.env, npm_config_offline: "true" } });

describe("deploy/install.sh and the units of systemd", function () {
  this.timeout(60_000);
  let folder: string;
  let root: string;
  let release: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ccsp-systemd-"));
    root = join(folder, "root");
    const source = join(folder, "cli");
    await mkdir(join(source, "services"), { recursive: true });
    await mkdir(root);
    await writeFile(join(source, "services/main.js"), "");
    await writeFile(join(source, "package.json"), '{ "name": "@ccsp/cli", "version": "9.9.9" }');
    await run("npm", ["pack", "--pack-destination", folder], { cwd: source });
    release = join(folder, "ccsp-cli-9.9.9.tgz");
  });
  after(() => rm(folder, { recursive: true }));

  const node = ["--node", process.execPath];
  const keysOf = async (file: string): Promise<readonly string[]> =>
    [...(await readFile(file, "utf8")).matchAll(/^(\w+)=/gm)].flatMap(([, key]) => key ?? []);

  it("say with --dry-run what they would do, and do nothing", async () => {
    const { stdout } = await install(release, "--dry-run", "--root", root, ...node);
    assert.match(stdout, /^would run: .*npm install .*ccsp-cli-9\.9\.9\.tgz$/m);
    assert.match(stdout, /^would run: install -m 0600 .*queue\.env .*\/etc\/ccsp\/queue\.env$/m);
    assert.deepEqual(await readdir(root), []);
  });

  it("refuse what cannot work before they change anything, and name it", async () => {
    await assert.rejects(install("nothing.tgz", "--root", root, ...node), { code: 2, stderr: /no file nothing\.tgz/ });
    await assert.rejects(install(release, "--root", root, "--node", "/bin/echo"), {
      code: 2,
      stderr: /CCSP needs 22\.15/,
    });
    assert.deepEqual(await readdir(root), []);
  });

  it("install a release beside others, with settings and keys for root only, which a second run keeps", async () => {
    await install(release, "--root", root, ...node);
    const settings = join(root, "etc/ccsp/queue.env");
    await writeFile(settings, "CCSP_QUEUE_SHARDS=2\n");
    await cp(join(root, "etc/ccsp/jwt.secret"), join(folder, "jwt.secret"));
    const { stdout } = await install(release, "--root", root, ...node);
    assert.match(stdout, /^stays: .*\/etc\/ccsp\/queue\.env$/m);
    assert.equal(await readFile(settings, "utf8"), "CCSP_QUEUE_SHARDS=2\n");
    const secret = await readFile(join(root, "etc/ccsp/jwt.secret"), "utf8");
    assert.equal(secret, await readFile(join(folder, "jwt.secret"), "utf8"));
    assert.ok(secret.length > 60);
    for (const name of await readdir(join(root, "etc/ccsp"))) {
      assert.equal((await stat(join(root, "etc/ccsp", name))).mode & 0o777, 0o600, name);
    }
    assert.ok((await readdir(join(root, "opt/ccsp/current"))).includes("services"), "the link leads to the release");
  });

  it("let each service reach its own certificates, and keep the key of the authority for root", async () => {
    const place = join(folder, "opt");
    const tls = join(folder, "tls");
    const owners = join(folder, "owners");
    await mkdir(place);
    await cp(join(UNITS, "certs.sh"), join(place, "certs.sh"));
    await symlink(process.execPath, join(place, "node"));
    await symlink(join(DEPLOY, ".."), join(place, "current"));
    // The users of the services are not on this machine.
    await writeFile(join(place, "chown"), `#!/bin/sh\necho "$2 $3" >>${owners}\n`, { mode: 0o755 });
    const env = { ...process.env, PATH: [place, process.env["PATH"]].join(delimiter) };
    await mkdir(join(tls, "gateway-public"), { recursive: true, mode: 0o700 });
    await run(join(place, "certs.sh"), [tls], { env });
    const modeOf = async (path: string) => (await stat(join(tls, path))).mode & 0o777;
    assert.deepEqual(await Promise.all(["", "queue", "ca.key"].map(modeOf)), [0o711, 0o700, 0o600]);
    const given = (await readFile(owners, "utf8")).trimEnd().split("\n");
    const names = [...SERVICES.filter((name) => name !== "executor"), "gateway-public"];
    const expected = names.map((name) => `ccsp:ccsp ${join(tls, name)}`);
    assert.deepEqual(
      given.toSorted(),
      [...expected, `ccsp-executor:ccsp-executor ${join(tls, "executor")}`].toSorted(),
    );
  });

  it("install what other users can read, whatever the umask of root is", async () => {
    const strict = join(folder, "strict");
    await mkdir(strict);
    const line = `umask 077; exec "$0" "$@"`;
    const args = [join(DEPLOY, "install.sh"), release, "--root", strict, ...node];
    await run("/bin/sh", ["-c", line, ...args], { env: { ...process.env, npm_config_offline: "true" } });
    const main = join(strict, "opt/ccsp/current/services/main.js");
    assert.equal((await stat(main)).mode & 0o044, 0o044);
  });

  it("have a unit for each service, of which systemd understands every line", async function () {
    await run("systemd-analyze", ["--version"]).catch(() => skip(this, "systemd is not installed"));
    await mkdir(join(root, "usr/lib/systemd"), { recursive: true });
    await cp("/usr/lib/systemd/system", join(root, "usr/lib/systemd/system"), { recursive: true });
    // The link leads out of this root.
    await rm(join(root, "opt/ccsp/node"));
    await writeFile(join(root, "opt/ccsp/node"), "", { mode: 0o755 });
    const names = (await readdir(UNITS)).filter((name) => /\.(service|target|timer)$/.test(name));
    for (const service of SERVICES) assert.ok(names.includes(`ccsp-${service}.service`));
    for (const name of names) {
      const { stdout, stderr } = await run("systemd-analyze", [`--root=${root}`, "verify", name]);
      assert.equal(stdout + stderr, "", name);
    }
  });

  it("confine each service", async function () {
    await run("systemd-analyze", ["--version"]).catch(() => skip(this, "systemd is not installed"));
    for (const service of SERVICES) {
      const args = [`--root=${root}`, "security", "--offline=yes", `ccsp-${service}.service`];
      const { stdout } = await run("systemd-analyze", args);
      const [, exposure = ""] = /Overall exposure level for \S+ ([\d.]+)/.exec(stdout) ?? [];
      const most = service === "executor" ? MOST_EXPOSED.executor : MOST_EXPOSED.service;
      assert.ok(exposure !== "" && Number(exposure) <= most, `${service}: ${exposure}, and ${most} is allowed`);
    }
  });

  it("allow the executor the system calls with which bubblewrap makes a sandbox", async function () {
    await run("systemd-analyze", ["--version"]).catch(() => skip(this, "systemd is not installed"));
    const { stdout } = await run("systemd-analyze", ["syscall-filter"]);
    const sets = new Map<string, readonly string[]>();
    for (const block of stdout.split(/\n(?=@)/)) {
      const [name = "", ...lines] = block.split("\n");
      sets.set(
        name,
        lines.map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#")),
      );
    }
    const callsOf = (word: string): readonly string[] =>
      word.startsWith("@") ? (sets.get(word) ?? []).flatMap(callsOf) : [word];
    const unit = await readFile(join(UNITS, "ccsp-executor.service"), "utf8");
    const shared = await readFile(join(UNITS, "ccsp-.service.d/10-every-service.conf"), "utf8");
    const [, filter = ""] = /^SystemCallFilter=(.*)$/m.exec(unit) ?? [];
    const allowed = new Set(filter.split(" ").flatMap(callsOf));
    const needed = ["clone", "unshare", "mount", "umount2", "pivot_root", "sethostname", "capset", "openat2"];
    assert.deepEqual(
      needed.filter((name) => !allowed.has(name)),
      [],
    );
    // These two forbid sethostname and openat2, whatever the filter says.
    assert.match(unit, /^ProtectHostname=no$/m);
    assert.match(unit, /^RestrictSUIDSGID=no$/m);
    assert.doesNotMatch(shared, /^(ProtectHostname|RestrictSUIDSGID)=/m);
  });

  it("set nothing in a unit that the file of all units sets again, because that file wins", async () => {
    const shared = await keysOf(join(UNITS, "ccsp-.service.d/10-every-service.conf"));
    // These add to what was there before.
    const adds = ["EnvironmentFile", "After", "Wants"];
    for (const service of SERVICES) {
      const own = await keysOf(join(UNITS, `ccsp-${service}.service`));
      assert.deepEqual(
        own.filter((key) => shared.includes(key) && !adds.includes(key)),
        [],
        service,
      );
    }
  });

  it("name each instance by its host and unit, so that a process that crashed comes back under the same name", async () => {
    const shared = await readFile(join(UNITS, "ccsp-.service.d/10-every-service.conf"), "utf8");
    assert.match(shared, /^Environment=CCSP_INSTANCE=%H-%p$/m);
    // A template would have several instances of one prefix on a host.
    assert.deepEqual(
      (await readdir(UNITS)).filter((name) => name.includes("@")),
      [],
    );
  });

  it("name only settings that the service of the file has", async () => {
    const definitions = await loadDefinitions({});
    const known = (service: (typeof SERVICES)[number]): readonly string[] =>
      describeSettings((reader) => definitions[service].define(reader)).map(({ name }) => name);
    const named = async (file: string) =>
      [...(await readFile(join(UNITS, "settings", file), "utf8")).matchAll(/^#?(CCSP_\w+)=/gm)].map(
        ([, name = ""]) => name,
      );
    for (const service of SERVICES) {
      const settings = await named(`${service}.env`);
      assert.ok(settings.length > 2);
      assert.deepEqual(
        settings.filter((name) => !known(service).includes(name)),
        [],
        service,
      );
      const shared = await named("every-service.env");
      assert.deepEqual(
        shared.filter((name) => !known(service).includes(name)),
        [],
        service,
      );
    }
  });
});
