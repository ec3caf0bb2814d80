import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findExecutable } from "@ccsp/engine-kit";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { skip } from "@ccsp/testkit";
import { pino } from "pino";
import { type OpenedSandbox, openSandbox } from "../src/sandbox/open.js";
import { HAS_PROC } from "../src/supervision/proc.js";
import { failureOf, resultOf, withRig } from "./rig.js";
import { readAll, type Supervised, supervised } from "./supervised.js";

const PATH = process.env["PATH"] ?? "";

/** The folder was checked when the task was admitted. Each test changes its name after that. */
describe("a working folder", function () {
  this.timeout(60_000);
  let dir: string;
  let root: string;
  let work: string;
  let outside: string;
  let runs: Supervised;
  beforeEach(async () => {
    dir = await realpath(await mkdtemp(join(tmpdir(), "ccsp-working-folder-test-")));
    root = join(dir, "root");
    work = join(root, "parent", "work");
    outside = join(dir, "outside");
    await mkdir(work, { recursive: true });
    await mkdir(join(outside, "work"), { recursive: true });
    await writeFile(join(work, "note"), "inside");
    for (const folder of [outside, join(outside, "work")]) await writeFile(join(folder, "note"), "secret");
    runs = await supervised();
  });
  afterEach(async () => {
    await runs.close();
    await rm(dir, { recursive: true, force: true });
  });

  const openOne = (bwrap = "bwrap"): Promise<OpenedSandbox> =>
    openSandbox({
      config: {
        mode: "auto",
        network: "none",
        hosts: [],
        reads: [],
        writes: [],
        bytes: 8_000_000,
        bwrap,
        socat: "socat",
      },
      searchPath: PATH,
      path: "/usr/bin:/bin",
      folder: join(dir, "sandbox"),
      temporary: dir,
      log: pino({ level: "silent" }),
    });

  /** Puts a link to a folder outside in the place of a folder, as another task could. */
  async function swap(folder: string, target: string): Promise<void> {
    await rename(folder, join(dir, "root", "moved"));
    await symlink(target, folder);
  }

  const READS_AND_WRITES = "cat note; echo written >new; pwd -P >&2";

  for (const confined of [true, false]) {
    const where = confined ? "in a sandbox" : "without a sandbox";
    describe(where, () => {
      let options: Partial<OpenedSandbox>;
      beforeEach(async function () {
        if (!HAS_PROC) skip(this, "this host enters no folder by its descriptor");
        options = confined ? await openOne() : {};
        if (confined && options.sandbox === undefined) skip(this, `no sandbox here: ${options.status?.reason}`);
      });

      for (const [what, path, target] of [
        ["it", "parent/work", "."],
        ["a folder above it", "parent", "."],
      ] as const) {
        it(`is the folder that was opened, although ${what} is a link before the run enters it`, async () => {
          const run = await runs.start(READS_AND_WRITES, {
            ...options,
            workingFolder: work,
            prepare: () => swap(join(root, path), join(outside, target)),
          });
          const said = await readAll(run);
          const { code, stderr } = await run.exited;
          assert.deepEqual([said, code], ["inside", 0], stderr);
          assert.deepEqual(
            [await readdir(outside), await readdir(join(outside, "work"))],
            [["note", "work"], ["note"]],
          );
          const moved = join(root, "moved", path === "parent" ? "work" : "");
          assert.equal(await readFile(join(moved, "new"), "utf8"), "written\n");
        });

        it(`is refused if ${what} is a link when the run is started`, async () => {
          await swap(join(root, path), join(outside, target));
          await assert.rejects(
            runs.start(READS_AND_WRITES, { ...options, workingFolder: work }),
            /the working folder was replaced after it was checked/,
          );
          assert.deepEqual(
            (await readdir(runs.dir)).filter((entry) => entry !== "tmp" && entry !== "1"),
            [],
          );
        });
      }

      it("leaves the run no descriptor of the host", async () => {
        const script = `ls -l /proc/self/fd${confined ? "; ls -l /proc/1/fd" : ""}`;
        const said = await readAll(await runs.start(script, { ...options, workingFolder: work }));
        assert.match(said, / 1 -> (?:pipe|socket)/);
        assert.doesNotMatch(said, /-> \/(?!proc\/\d+\/fd$|dev\/)/m);
      });
    });
  }

  it("ends its task as INVALID_REQUEST, once, if it is swapped after the admission", async function () {
    if (!HAS_PROC) skip(this, "this host enters no folder by its descriptor");
    const env = {
      CCSP_EXECUTOR_ALLOWED_ROOTS: root,
      CCSP_EXECUTOR_HOOKS: fileURLToPath(new URL("plugins/swapping.mjs", import.meta.url)),
      CCSP_HOOK_SWAPPING_FOLDER: work,
      CCSP_HOOK_SWAPPING_TARGET: outside,
    };
    await withRig(env, async (rig) => {
      const { category, message, retryable } = await failureOf(
        rig,
        rig.queue.add("[[report]]", { workingFolder: work }),
      );
      assert.deepEqual([ErrorCategory[category], retryable], ["INVALID_REQUEST", false], message);
      assert.match(message, /^working_folder: is not in a folder that this executor allows/);
    });
  });

  it("is refused with the reason where bubblewrap binds no descriptors, and other tasks run", async function () {
    const real = findExecutable("bwrap", PATH);
    if (!real || !(await openOne()).sandbox) skip(this, "no sandbox here");
    const old = join(dir, "old-bwrap");
    const script = `#!/bin/sh\n[ "$1" = --help ] && { ${real} --help | grep -v -e -bind-fd; exit; }\nexec ${real} "$@"\n`;
    await writeFile(old, script, { mode: 0o755 });
    await withRig({ CCSP_EXECUTOR_ALLOWED_ROOTS: root, CCSP_EXECUTOR_BWRAP_BIN: old }, async (rig) => {
      const { message, retryable } = await failureOf(rig, rig.queue.add("[[text:done]]", { workingFolder: work }));
      assert.match(message, /^working_folder: not on this executor: its bubblewrap has no --bind-fd, so /);
      assert.equal(retryable, false);
      assert.equal((await resultOf(rig, rig.queue.add("[[text:done]]"))).text, "done");
    });
  });
});
