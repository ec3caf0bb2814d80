import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { eventually, skip } from "@ccsp/testkit";
import { pino } from "pino";
import type { SandboxConfig } from "../src/sandbox/config.js";
import { type OpenedSandbox, openSandbox } from "../src/sandbox/open.js";
import { withProxy } from "../src/sandbox/proxy-environment.js";
import { findProcesses } from "../src/supervision/kill.js";
import { startExecutorProcess } from "./executor-process.js";
import { startFakeQueue } from "./fake-queue.js";
import { EXECUTOR_ID, resultOf, testEnv, withRig } from "./rig.js";
import { exitOf, readAll, type Supervised, supervised } from "./supervised.js";

const MB = 1024 * 1024;
const PATH = process.env["PATH"] ?? "";

describe("a sandbox", function () {
  this.timeout(60_000);
  let dir: string;
  let runs: Supervised;
  let opened: OpenedSandbox;

  const open = (config: Partial<SandboxConfig> = {}): Promise<OpenedSandbox> =>
    openSandbox({
      config: {
        mode: "auto",
        network: "hosts",
        hosts: [],
        reads: [],
        writes: [],
        bytes: 8 * MB,
        bwrap: "bwrap",
        socat: "socat",
        ...config,
      },
      searchPath: PATH,
      path: "/usr/bin:/bin",
      folder: join(dir, "sandbox"),
      temporary: join(dir, "t"),
      log: pino({ level: "silent" }),
    });

  before(async function () {
    dir = await mkdtemp(join(tmpdir(), "ccsp-sandbox-test-"));
    await mkdir(join(dir, "t"));
    await mkdir(join(dir, "sandbox"));
    opened = await open();
    if (!opened.status.confined) {
      await rm(dir, { recursive: true });
      skip(this, `no sandbox here: ${opened.status.reason}`);
    }
  });
  after(() => rm(dir, { recursive: true, force: true }));
  beforeEach(async () => void (runs = await supervised()));
  afterEach(() => runs.close());

  const say = async (script: string, { sandbox } = opened): Promise<string> =>
    await readAll(await runs.start(script, { sandbox }));

  it("gives a process SIGTERM first, and time to end by itself", async () => {
    const script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    const run = await runs.start(script, { sandbox: opened.sandbox, graceMs: 20_000 });
    const read = readAll(run, (said) => said.includes("ready") && void run.stop());
    await read;
    const { code, signal, cause } = await run.exited;
    assert.deepEqual([code, signal, cause], [7, null, "stopped"]);
  });

  it("kills a process that ignores SIGTERM, and reports the exit code and the signal of others", async () => {
    const stubborn = await runs.start("trap '' TERM; echo ready; while :; do sleep 0.05; done", opened);
    await readAll(stubborn, (said) => said.includes("ready") && void stubborn.stop());
    assert.equal((await stubborn.exited).signal, "SIGKILL");
    assert.equal((await exitOf(await runs.start("exit 3", opened))).code, 3);
    assert.equal((await exitOf(await runs.start("kill -SEGV $$", opened))).signal, "SIGSEGV");
  });

  it("ends every process of a run with its first one", async () => {
    // Each is found by this length.
    const seconds = 90_000 + (process.pid % 10_000);
    const script = `( ( exec env -i setsid sleep ${seconds} >/dev/null 2>&1 </dev/null & ) & ); sleep 0.2; echo done`;
    const run = await runs.start(script, opened);
    assert.match(await readAll(run), /done/);
    await run.exited;
    const found = () => execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).includes(`sleep ${seconds}`);
    // The run does not know this process: the kernel ends it with the sandbox, which may take a moment.
    await eventually(() => assert.equal(found(), false));
  });

  it("counts what a run writes into memory as its memory", async () => {
    const script = "for folder in . ~ $TMPDIR /tmp; do head -c 7M /dev/zero >$folder/large; done; sleep 60";
    const run = await runs.start(script, { ...opened, limits: { memoryBytes: 20 * MB, processes: 0 } });
    assert.equal((await exitOf(run)).cause, "memory");
    assert.ok((run.resources.peakMemoryBytes ?? 0) > 20 * MB);
  });

  it("starts its proxy by a shell that tests can tell from the engine", () => {
    // `engineProcesses` of the testkit knows the shell by this text.
    assert.ok(withProxy("socat", "/a/socket").some((word) => word.includes("TCP-LISTEN:")));
  });

  it("shows a run its own processes, its own name and its own folders, all with a size", async () => {
    const said = await say(
      [
        "ls /proc | grep -c '^[0-9]*$'; id -un; pwd; ls /home /root /run /var 2>/dev/null",
        "for folder in . ~ $TMPDIR /tmp; do echo ok >$folder/small && cat $folder/small; done",
        "for folder in . ~ $TMPDIR /tmp /dev/shm; do head -c 20M /dev/zero 2>/dev/null >$folder/large; wc -c <$folder/large; rm $folder/large; done",
        "touch /usr/x /etc/x /x /run/x 2>&1 | grep -c 'Read-only'",
      ].join("\n"),
    );
    const lines = said.trim().split("\n");
    assert.ok(Number(lines[0]) < 12, said);
    assert.equal(lines.filter((line) => line === "ok").length, 4, said);
    for (const size of lines.filter((line) => /^\d{5,}$/.test(line))) assert.ok(Number(size) <= 8 * MB, said);
    assert.equal(lines.at(-1), "4", said);
  });

  it("lets a run read and write what the operator names, and reads nothing beside it", async () => {
    const [read, write] = [join(dir, "read"), join(dir, "write")];
    for (const folder of [read, write]) await mkdir(folder);
    await writeFile(join(read, "file"), "known");
    await writeFile(join(dir, "secret"), "hidden");
    const own = await open({ reads: [read], writes: [write] });
    const script = `cat ${read}/file; cat ${dir}/secret; echo x >${read}/new; echo x >${write}/new`;
    assert.equal(await say(`${script} 2>/dev/null`, own), "known");
    assert.deepEqual([existsSync(join(read, "new")), existsSync(join(write, "new"))], [false, true]);
  });

  it("hides the home folder in which its own socat is", async function () {
    const home = join(dir, "person");
    const socat = join(home, "bin", "socat");
    await mkdir(join(home, "bin"), { recursive: true });
    const system = "/usr/bin/socat";
    if (!existsSync(system)) skip(this, "the system has no socat to copy");
    await copyFile(system, socat);
    await writeFile(join(home, "secret"), "hidden");
    const own = await open({ socat, hosts: ["localhost:9"] });
    assert.equal(own.status.reason, "");
    assert.equal(
      await say(`ls ${home} ${home}/bin; cat ${home}/secret 2>/dev/null`, own),
      `${home}:\nbin\n\n${home}/bin:\nsocat\n`,
    );
  });

  it("leaves no proxy when it cannot be opened", async () => {
    const path = await mkdtemp(join(dir, "t", "gone-"));
    const folder = { path, work: join(path, "work"), home: join(path, "no-home"), tmp: path };
    const own = await open({ hosts: ["localhost:9"] });
    const run = { run: "r", folder, workingFolder: undefined, command: "/bin/sh", env: {}, access: {} };
    assert.ok(own.sandbox);
    await assert.rejects(own.sandbox.open(run), /does not exist/);
    assert.equal(existsSync(join(path, "hosts")), false);
  });

  it("has only its own loopback, unless the network is full", async () => {
    const script = "grep -c : /proc/net/dev";
    for (const network of ["hosts", "none"] as const)
      assert.equal((await say(script, await open({ network }))).trim(), "1");
    const all = execFileSync("grep", ["-c", ":", "/proc/net/dev"], { encoding: "utf8" }).trim();
    assert.equal((await say(script, await open({ network: "full" }))).trim(), all);
  });

  it("is not used, and its absence is said, if it cannot be made: auto goes on, required does not", async () => {
    const missing = await open({ bwrap: join(dir, "no-bwrap") });
    assert.equal(missing.sandbox, undefined);
    assert.match(
      missing.status.reason,
      /there is no .*no-bwrap: install bubblewrap, or name it in CCSP_EXECUTOR_BWRAP_BIN/,
    );
    // As in a container that allows no namespaces.
    const refusing = join(dir, "refusing-bwrap");
    await writeFile(refusing, "#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n", {
      mode: 0o755,
    });
    assert.match(
      (await open({ bwrap: refusing })).status.reason,
      /cannot confine a process here: bwrap: No permissions/,
    );
    await assert.rejects(
      open({ mode: "required", bwrap: refusing }),
      /CCSP_EXECUTOR_SANDBOX is required.*No permissions/,
    );
    assert.deepEqual((await open({ mode: "off" })).status, {
      confined: false,
      network: "",
      reason: "CCSP_EXECUTOR_SANDBOX is off",
    });
  });

  it("adds only the variables of its proxy to the environment of a run", () =>
    withRig({ CCSP_CLAUDE_CODE_BASE_URL: "http://127.0.0.1:9" }, async (rig) => {
      const { text } = await resultOf(rig, rig.queue.add("[[report]]"));
      const { env }: { env: Record<string, string> } = JSON.parse(text);
      const added = Object.keys(env).filter(
        (name) => !/^(CCSP_RUN|PATH|HOME|TMPDIR|LANG|ANTHROPIC_|CLAUDE_|DISABLE_)/.test(name),
      );
      const proxy = ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"];
      assert.deepEqual(added.sort(), [...proxy, "PWD", ...proxy.map((name) => name.toLowerCase())].sort());
    }));

  it("leaves no process when its executor is killed", async () => {
    const queue = await startFakeQueue();
    const executor = await startExecutorProcess({
      ...testEnv(queue.port, join(dir, "killed")),
      CCSP_EXECUTOR_SANDBOX: "required",
    });
    try {
      const task = queue.add("[[ignore-sigterm]][[grandchild-setsid]][[hang]]");
      const all = () =>
        findProcesses(({ executorId, run }) => executorId === EXECUTOR_ID && run.startsWith(`${task}:`));
      await eventually(async () => assert.ok((await all()).length >= 4), { timeoutMs: 45_000 });
      executor.kill("SIGKILL");
      await executor.exited;
      await eventually(async () => assert.deepEqual(await all(), []));
    } finally {
      await executor.stop();
      await queue.close();
    }
  });

  it("works for an ordinary user too", function () {
    if (process.getuid?.() !== 0) skip(this, "this user is an ordinary one");
    const bwrap =
      PATH.split(delimiter)
        .map((each) => join(each, "bwrap"))
        .find(existsSync) ?? "";
    const line = ["--unshare-pid", "--unshare-net", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin"];
    const libraries = [
      "--symlink",
      "usr/lib",
      "/lib",
      "--symlink",
      "usr/lib64",
      "/lib64",
      "--proc",
      "/proc",
      "--dev",
      "/dev",
    ];
    const said = execFileSync(bwrap, [...line, ...libraries, "/bin/sh", "-c", "id -u"], {
      encoding: "utf8",
      cwd: "/",
      uid: 65_534,
      gid: 65_534,
    });
    assert.equal(said, "65534\n");
  });
});
