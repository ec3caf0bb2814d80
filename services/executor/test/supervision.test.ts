import assert from "node:assert/strict";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { chmod, chown, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@ccsp/testkit";
import { createRunFolder, removeTree } from "../src/supervision/run-folder.js";
import { exitOf, readAll, type Supervised, supervised } from "./supervised.js";

/** An unprivileged user, for tests of actions that only root may do. */
const NOBODY = 65_534;

describe("the supervisor", function () {
  this.timeout(60_000);
  let dir: string;
  let start: Supervised["start"];
  let close: Supervised["close"];
  beforeEach(async () => ({ dir, start, close } = await supervised()));
  afterEach(() => close());

  it("sends no signal once the process is gone: its id may belong to another process by then", async () => {
    const run = await start("exit 0");
    await exitOf(run);
    const kill = process.kill;
    const signalled: unknown[] = [];
    process.kill = (pid, name) => {
      if (name !== 0) signalled.push(pid);
      return true;
    };
    try {
      await run.stop();
    } finally {
      process.kill = kill;
    }
    assert.deepEqual(signalled, []);
  });

  // The supervisor does not find a process that cleared its environment and left the process group. Such a process must
  // not delay the end of the run or keep its pipe open.
  const unseen = (script: string) => `env -i setsid sh -c '${script}' & sleep 0.2; exit 0`;

  it("ends the output soon after the process, even if an unseen process that has its pipe continues to write", async () => {
    const run = await start(unseen("for i in $(seq 1200); do echo x || exit; sleep 0.05; done"));
    assert.equal((await exitOf(run)).code, 0);
  });

  it("keeps no pipe open for an unseen process that holds it", async () => {
    const before = openPipes();
    const run = await start(unseen("exec >/dev/null; for i in $(seq 1200); do echo x >&2 || exit; sleep 0.05; done"));
    await exitOf(run);
    await eventually(() => assert.equal(openPipes(), before));
  });

  it("gives a run's output also to a reader that comes after its end", async () => {
    const run = await start("echo said; exit 0");
    await run.exited;
    assert.equal(await readAll(run), "said\n");
  });

  it("gives no two runs the same folder, not even runs of one name", async () => {
    const first = await createRunFolder(join(dir, "runs"), "version", join(dir, "tmp"));
    await assert.rejects(createRunFolder(join(dir, "runs"), "version", join(dir, "tmp")), { code: "EEXIST" });
    assert.deepEqual([existsSync(first.work), readdirSync(join(dir, "tmp")).length], [true, 1]);
  });

  it("does not lose a run whose folder cannot be removed", async () => {
    // A mount in the folder would make the removal fail. This stub does the same and needs no root rights.
    const run = await start("echo said", {
      async prepare(folder) {
        Object.assign(folder, { remove: () => Promise.reject(new Error("EBUSY")) });
      },
    });
    assert.equal(await readAll(run), "said\n");
    assert.equal((await run.exited).code, 0);
  });

  it("removes folders that were made unwritable, as module caches are", async () => {
    const tree = join(dir, "tree");
    await mkdir(join(tree, "cache", "inner"), { recursive: true });
    for (const path of [join(tree, "cache", "inner"), join(tree, "cache"), tree, dir])
      await chown(path, NOBODY, NOBODY).catch(() => {});
    await chmod(join(tree, "cache", "inner"), 0o555);
    await chmod(join(tree, "cache"), 0o555);
    const root = process.getuid?.() === 0;
    if (root) process.seteuid?.(NOBODY);
    try {
      await assert.rejects(rm(tree, { recursive: true }), { code: "EACCES" });
      await removeTree(tree);
    } finally {
      if (root) process.seteuid?.(0);
    }
    assert.equal(existsSync(tree), false);
  });
});

function openPipes(): number {
  const targets = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });
  return targets.filter((target) => /^(pipe|socket):/.test(target)).length;
}
