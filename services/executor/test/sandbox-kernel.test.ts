import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import os, { tmpdir } from "node:os";
import { join } from "node:path";
import { findExecutable } from "@ccsp/engine-kit";
import { skip } from "@ccsp/testkit";
import { pino } from "pino";
import { procArguments } from "../src/sandbox/mounts.js";
import { type OpenedSandbox, openSandbox } from "../src/sandbox/open.js";
import { systemCallFilter } from "../src/sandbox/system-calls.js";
import { readAll, type Supervised, supervised } from "./supervised.js";

const PATH = process.env["PATH"] ?? "";
const BWRAP = findExecutable("bwrap", PATH) ?? "";
const IS_ROOT = process.getuid?.() === 0;
const EPERM = 1;

/** Calls with arguments that do no harm, by their numbers on x64 and arm64. None of them has EPERM as its answer. */
const REFUSED_TO_ALL = {
  keyctl: { numbers: [250, 219], args: [0, -3, 0] },
  add_key: { numbers: [248, 217], args: [0, 0, 0, 0, 0] },
  request_key: { numbers: [249, 218], args: [0, 0, 0, 0] },
  bpf: { numbers: [321, 280], args: [0, 0, 0] },
  userfaultfd: { numbers: [323, 282], args: [1] },
  io_uring_setup: { numbers: [425, 425], args: [0, 0] },
  io_uring_enter: { numbers: [426, 426], args: [-1, 0, 0, 0, 0, 0] },
  io_uring_register: { numbers: [427, 427], args: [-1, 0, 0, 0] },
  pidfd_getfd: { numbers: [438, 438], args: [-1, 0, 0] },
};
const REFUSED_TO_ROOT = {
  ptrace: { numbers: [101, 117], args: [0, 0, 0, 0] },
  process_vm_readv: { numbers: [310, 270], args: [0, 0, 0, 0, 0, 0] },
  unshare: { numbers: [272, 97], args: [0x1000_0000] },
  "unshare of the time": { numbers: [272, 97], args: [0x80] },
  setns: { numbers: [308, 268], args: [-1, 0] },
  clone: { numbers: [56, 220], args: [0x4000_0011, 0, 0, 0, 0] },
  mount: { numbers: [165, 40], args: [0, 0, 0, 0, 0] },
  umount2: { numbers: [166, 39], args: [0, 0] },
  pivot_root: { numbers: [155, 41], args: [0, 0] },
  open_tree: { numbers: [428, 428], args: [-1, 0, 0] },
  move_mount: { numbers: [429, 429], args: [-1, 0, -1, 0, 0] },
  fsopen: { numbers: [430, 430], args: [0, 0] },
  fsconfig: { numbers: [431, 431], args: [-1, 0, 0, 0, 0] },
  fsmount: { numbers: [432, 432], args: [-1, 0, 0] },
  fspick: { numbers: [433, 433], args: [-1, 0, 0] },
  mount_setattr: { numbers: [442, 442], args: [-1, 0, 0, 0, 0] },
};
type Calls = Readonly<Record<string, { readonly numbers: readonly number[]; readonly args: readonly number[] }>>;

/** A shell script that makes the calls, each in a process of its own, and prints the error number of each. */
const calling = (calls: Calls): string =>
  Object.values(calls)
    .map(({ numbers, args }) => [numbers[process.arch === "x64" ? 0 : 1], ...args].join(","))
    .map((words) => `perl -e '$! = 0; syscall(${words}); print $! + 0, " "'`)
    .join("\n");

const answersOf = (calls: Calls, said: string): Readonly<Record<string, number>> => {
  const numbers = said.trim().split(/\s+/).map(Number);
  return Object.fromEntries(Object.keys(calls).map((name, index) => [name, numbers[index] ?? -1]));
};

const all = (calls: Calls, errno: number) => Object.fromEntries(Object.keys(calls).map((name) => [name, errno]));

/** A program of 32 bits for Intel processors that does nothing but end with 42. */
function foreignProgram(): string {
  const code = Buffer.from("b801000000bb2a000000cd80", "hex");
  const [header, segment] = [52, 32];
  const bytes = Buffer.alloc(header + segment + code.length);
  const at = 0x8048000;
  bytes.write("7f454c46010101", 0, "hex");
  for (const [offset, value] of [
    [16, 2],
    [18, 3],
    [40, header],
    [42, segment],
    [44, 1],
  ] as const)
    bytes.writeUInt16LE(value, offset);
  for (const [offset, value] of [
    [20, 1],
    [24, at + header + segment],
    [28, header],
    [header, 1],
    [header + 8, at],
    [header + 12, at],
    [header + 16, bytes.length],
    [header + 20, bytes.length],
    [header + 24, 5],
    [header + 28, 4096],
  ] as const)
    bytes.writeUInt32LE(value, offset);
  code.copy(bytes, header + segment);
  return bytes.toString("base64");
}
const FOREIGN = `echo ${foreignProgram()} | base64 -d >$TMPDIR/foreign; chmod 700 $TMPDIR/foreign; $TMPDIR/foreign; echo $?`;

describe("the kernel, in a sandbox", function () {
  this.timeout(60_000);
  let dir: string;
  let runs: Supervised;
  let opened: OpenedSandbox;

  const open = (bwrap = BWRAP, mode: "auto" | "required" = "auto"): Promise<OpenedSandbox> =>
    openSandbox({
      config: { mode, network: "none", hosts: [], reads: [], writes: [], bytes: 8_000_000, bwrap, socat: "socat" },
      searchPath: PATH,
      path: "/usr/bin:/bin",
      folder: join(dir, "sandbox"),
      temporary: dir,
      log: pino({ level: "silent" }),
    });

  before(async function () {
    dir = await mkdtemp(join(tmpdir(), "ccsp-kernel-test-"));
    await mkdir(join(dir, "sandbox"));
    opened = await open();
    if (!opened.status.confined) {
      await rm(dir, { recursive: true });
      skip(this, `no sandbox here: ${opened.status.reason}`);
    }
    if (!existsSync("/usr/bin/perl")) skip(this, "without perl, no call is made by its number");
  });
  after(() => rm(dir, { recursive: true, force: true }));
  beforeEach(async () => void (runs = await supervised()));
  afterEach(() => runs.close());

  const say = async (script: string, confined = true): Promise<string> =>
    await readAll(await runs.start(script, confined ? opened : {}));

  /** The words of a shell that runs the script as nobody, with the filter that a run of nobody has. */
  async function sayAsNobody(script: string): Promise<string> {
    const filter = join(dir, "filter-of-nobody");
    await writeFile(filter, systemCallFilter(process.arch, 65_534));
    const fd = openSync(filter, "r");
    const mounts = ["--ro-bind", "/", "/", ...procArguments(65_534), "--dev", "/dev"];
    const line = ["--unshare-pid", ...mounts, "--seccomp", "3"];
    const { stdout, stderr } = spawnSync(BWRAP, [...line, "/bin/sh", "-c", script], {
      encoding: "utf8",
      cwd: "/",
      uid: 65_534,
      gid: 65_534,
      stdio: ["ignore", "pipe", "pipe", fd],
    });
    closeSync(fd);
    assert.equal(stderr, "");
    return stdout;
  }

  it("shows a run no file of the machine in /proc that it could write, also as root", async () => {
    // Everybody may write /proc/pressure: it makes a wait for a load, and changes nothing.
    const script = "find /proc -path '/proc/[0-9]*' -prune -o -type f -writable -print | grep -v ^/proc/pressure/";
    assert.equal(await say(script), "");
  });

  it("has no program for a run's own system calls, keys, rings, page faults or descriptors", async () => {
    const unconfined = answersOf(REFUSED_TO_ALL, await say(calling(REFUSED_TO_ALL), false));
    assert.notDeepEqual(unconfined, all(REFUSED_TO_ALL, EPERM), "they fail anyway, so this proves nothing");
    assert.deepEqual(answersOf(REFUSED_TO_ALL, await say(calling(REFUSED_TO_ALL))), all(REFUSED_TO_ALL, EPERM));
  });

  it("refuses root also ptrace, mounts and new namespaces", async function () {
    if (!IS_ROOT) skip(this, "this user is an ordinary one");
    assert.deepEqual(answersOf(REFUSED_TO_ROOT, await say(calling(REFUSED_TO_ROOT))), all(REFUSED_TO_ROOT, EPERM));
    // Only a call that is missing makes libraries take one whose flags can be seen.
    assert.equal(await say("perl -e 'syscall(435, 0, 0); print $! + 0'"), "38");
    assert.equal(await say("unshare -Ur true 2>/dev/null || echo none"), "none\n");
  });

  it("leaves other users ptrace and sandboxes of their own, and refuses them the rest", async function () {
    if (!IS_ROOT) skip(this, "only root can be another user");
    const { ptrace } = REFUSED_TO_ROOT;
    const nested = `${BWRAP} --unshare-pid --ro-bind / / --proc /proc --dev /dev echo nested`;
    const said = await sayAsNobody(`${nested}; ${calling({ ptrace })}\n${calling(REFUSED_TO_ALL)}`);
    assert.match(said, /^nested\n0 /);
    assert.deepEqual(answersOf(REFUSED_TO_ALL, said.replace("nested\n0 ", "")), all(REFUSED_TO_ALL, EPERM));
  });

  it("kills a program for another architecture", async function () {
    if (process.arch !== "x64") skip(this, "the program is for 32-bit Intel processors");
    if ((await say(FOREIGN, false)) !== "42\n") skip(this, "this kernel runs no such programs");
    const SIGSYS = 31;
    assert.match(await say(FOREIGN), new RegExp(`${128 + SIGSYS}\n$`));
  });

  it("is looked at when the executor starts: where a run could change it, there is no sandbox", async function () {
    if (!IS_ROOT) skip(this, "only root could change it");
    const open_ = join(dir, "bwrap-that-leaves-sys-open");
    const script = `n=$#
while [ $n -gt 0 ]; do
  if [ "$1 $2" = "--ro-bind-try /proc/sys" ]; then shift 3; n=$((n - 3)); continue; fi
  set -- "$@" "$1"; shift; n=$((n - 1))
done
exec ${BWRAP} "$@"
`;
    await writeFile(open_, `#!/bin/sh\n${script}`);
    await chmod(open_, 0o755);
    assert.match((await open(open_)).status.reason, /a run could write \/proc\/sys\/kernel\/core_pattern$/);
    await assert.rejects(open(open_, "required"), /is required, and this host has no sandbox.*core_pattern/);
  });

  it("may know no name for the executor's uid", async () => {
    const { userInfo } = os;
    os.userInfo = () => {
      throw new Error("uv_os_get_passwd returned ENOENT");
    };
    syncBuiltinESMExports();
    try {
      const nameless = await open();
      assert.equal(nameless.status.reason, "");
      assert.equal(await readAll(await runs.start("id -un", nameless)), "run\n");
    } finally {
      os.userInfo = userInfo;
      syncBuiltinESMExports();
    }
  });
});
