import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { saveFleet, stateDir } from "../src/local-fleet/state.js";
import { startFakeAgentService } from "./fake-agent-service.js";
import { ccsp, type Invocation } from "./memory-io.js";

describe("the folders in which tasks of a local fleet may work", () => {
  let gateway: Awaited<ReturnType<typeof startFakeAgentService>>;
  /** A process that is taken for the fleet. */
  let fleet: ChildProcess;
  let dir: string;
  let project: string;
  let env: Record<string, string>;
  before(async () => {
    gateway = await startFakeAgentService();
    fleet = spawn(process.execPath, ["-e", "process.stdin.resume()", "--", "/somewhere/ccsp", "up"], { env: {} });
    await once(fleet, "spawn");
  });
  after(async () => {
    fleet.kill();
    await gateway.close();
  });
  beforeEach(async () => {
    dir = await realpath(await mkdtemp(join(tmpdir(), "ccsp-cli-")));
    project = join(dir, "home", "my web");
    await mkdir(join(project, "src"), { recursive: true });
    await mkdir(join(dir, "state"));
    await writeFile(join(project, "notes.md"), "notes");
    env = { CCSP_STATE_DIR: join(dir, "state"), CCSP_TOKEN: "t", HOME: join(dir, "home") };
    await startsFleet({ allowedRoots: [join(dir, "roots")] });
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const startsFleet = (facts: { readonly allowedRoots?: readonly string[] }) =>
    saveFleet(stateDir(env), { pid: fleet.pid ?? 0, ready: true, gateway: gateway.target, services: [], ...facts });
  const at = (args: readonly string[], invocation: Invocation = {}) => ccsp(args, { env, ...invocation });
  const listed = async () => (await at(["folders", "list", "-o", "name"])).stdout;

  it("are asked for once on a terminal, and remembered in a private file", async () => {
    const asked = await at(["run", "x", "--working-folder", project], { person: true, stdin: "y\n" });
    assert.equal(asked.code, 0, asked.stderr);
    assert.match(asked.stderr, new RegExp(`^Allow tasks of this fleet to work in ${project}\\? \\[y/N\\] `));
    const { stdout, stderr } = await at(["run", "x", "--working-folder", join(project, "src")], { person: true });
    assert.equal(stdout, "x\n");
    assert.doesNotMatch(stderr, /Allow/);
    assert.equal(gateway.submitted.at(-1)?.spec?.workingFolder, join(project, "src"));
    const file = join(dir, "state", "allowed-folders");
    assert.equal(await readFile(file, "utf8"), `${project}\n`);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  it("are not allowed by another answer, by the end of the input or by Ctrl-C, and nothing is submitted", async () => {
    const before = gateway.submitted.length;
    const args = ["run", "x", "--include", join(project, "notes.md")];
    for (const stdin of ["n\n", "\n", "what\n", ""]) {
      const { code, stderr } = await at(args, { person: true, stdin });
      assert.equal(code, 3);
      assert.match(stderr, new RegExp(`ccsp: --include: ${project} was not allowed\\n$`));
    }
    const interrupted = await at(args, { person: true, onQuestion: (interrupt) => interrupt() });
    assert.equal(interrupted.code, 130);
    assert.equal(gateway.submitted.length, before);
    assert.equal(await listed(), "");
  });

  it("are refused in a state folder that is a file, with the setting that names it", async () => {
    const file = join(project, "notes.md");
    const { code, stderr } = await at(["folders", "list"], { env: { CCSP_STATE_DIR: file } });
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`^ccsp: ${file} cannot be the folder of a fleet \\(ENOTDIR.*CCSP_STATE_DIR\n$`));
  });

  it("are named with the command that allows them, where nobody can be asked", async () => {
    for (const command of [["run"], ["submit"], ["schedule", "put", "n", "0 3 * * *"]]) {
      const { code, stderr } = await at([...command, "x", "--working-folder", project]);
      assert.equal(code, 3);
      const how = `ccsp folders allow '${project}'`;
      assert.equal(
        stderr,
        `ccsp: --working-folder: tasks of this fleet may not use ${project} yet; allow it with: ${how}\n`,
      );
    }
    assert.equal((await at(["folders", "allow", project])).stdout, `tasks may work in ${project}\n`);
    const { code, stderr } = await at(["run", "x", "--working-folder", project]);
    assert.equal(code, 0, stderr);
  });

  it("are those of the executors' setting too, and are not asked for at another gateway or an older fleet", async () => {
    await mkdir(join(dir, "roots"));
    await symlink(join(dir, "roots"), join(dir, "link"));
    assert.equal((await at(["run", "x", "--working-folder", join(dir, "link")])).code, 0);
    assert.equal(gateway.submitted.at(-1)?.spec?.workingFolder, join(dir, "roots"), "without the symlink");
    await startsFleet({});
    assert.equal((await at(["run", "x", "--working-folder", project])).code, 0);
    const other = { CCSP_GATEWAY: gateway.target, CCSP_STATE_DIR: join(dir, "elsewhere") };
    const remote = ["run", "x", "--working-folder", "/srv/there", "--include", "/srv/there/a"];
    assert.equal((await at(remote, { env: { ...env, ...other } })).code, 0);
    assert.equal(gateway.submitted.at(-1)?.spec?.workingFolder, "/srv/there");
  });

  it("have to exist", async () => {
    const { code, stderr } = await at(["run", "x", "--working-folder", "/nowhere"]);
    assert.deepEqual([code, stderr], [2, "ccsp: --working-folder /nowhere: there is no such file or folder\n"]);
  });

  it("are listed, allowed and forgotten by ccsp folders", async () => {
    await symlink(project, join(dir, "link"));
    for (const path of [project, join(dir, "link")]) await at(["folders", "allow", path]);
    assert.equal(await listed(), `${project}\n`);
    assert.deepEqual(JSON.parse((await at(["folders", "list", "-o", "json"])).stdout), { folder: project });
    await rm(project, { recursive: true });
    assert.equal((await at(["folders", "forget", project])).stdout, `${project} is forgotten\n`);
    assert.equal(await listed(), "");
    const { code, stderr } = await at(["folders", "forget", project]);
    assert.equal(code, 2);
    assert.equal(stderr, `ccsp: ${project} is not in the list: \`ccsp folders list\` shows what is\n`);
  });

  it("are never the root, a folder with the home in it, or one around or in the fleet's own files", async () => {
    await mkdir(join(dir, "state", "data"), { recursive: true });
    await symlink("/", join(project, "root"));
    await symlink(join(dir, "state"), join(project, "fleet"));
    const secret = join(project, "src", "secret");
    for (const [path, why] of [
      ["/", "tasks could read every file of this machine"],
      [join(project, "root"), "tasks could read every file of this machine"],
      [join(dir, "home"), "it has your home"],
      [dir, "it has your home"],
      [join(dir, "state"), "tasks could read the fleet's own files"],
      [join(dir, "state", "data"), "tasks could read the fleet's own files"],
      [join(project, "fleet"), "tasks could read the fleet's own files"],
      [project, "it has the fleet's secret"],
      [join(project, "notes.md"), "it is a file"],
      [join(project, "nothing"), "there is no such folder"],
    ] as const) {
      const { code, stderr } = await at(["folders", "allow", path], { env: { ...env, CCSP_JWT_SECRET_FILE: secret } });
      assert.equal(code, 2, path);
      assert.ok(stderr.startsWith(`ccsp: ${path} cannot be allowed: ${why}`), stderr);
    }
    assert.equal(await listed(), "");
  });
});
