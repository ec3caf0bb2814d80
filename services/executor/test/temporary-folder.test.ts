import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { CLAUDE_CODE_BIN, CLAUDE_CODE_VERSION, eventually, skip, startSimulator } from "@ccsp/testkit";
import { pino } from "pino";
import { openExecutorFolder } from "../src/supervision/executor-folder.js";
import { temporaryFolderOf } from "../src/supervision/temporary-folder.js";
import { commandLineOf, processesOf } from "./processes.js";
import { withRig } from "./rig.js";
import { readAll, supervised } from "./supervised.js";

/** Maximum path length in bytes. A Unix socket some levels below the folder still fits. */
const SHORT = 80;
const BOOT = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

describe("the temporary folder of a run", () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-executor-test-"));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const openAt = (path: string) =>
    openExecutorFolder({ path, executorId: "executor-of-a-test", bootId: BOOT, log: pino({ level: "silent" }) });

  for (const [where, path] of [
    ["near the root", "e"],
    ["deep", join("d".repeat(60), "e".repeat(60))],
  ] as const) {
    it(`is its own, short enough for sockets, and removed with it, when the executor's folder is ${where}`, async () => {
      const folder = await openAt(join(dir, path));
      const { start, launch, close } = await supervised();
      try {
        const placed = (name: string) => ({ folder: join(folder.runs, name), temporary: folder.temporary });
        const one = await start('touch "$TMPDIR/left"; echo "$TMPDIR"', placed("1"));
        const two = await launch('read line; echo "$TMPDIR"', placed("2"));
        const first = (await readAll(one)).trim();
        const used = two.use({ input: "x\n", wallMs: 60_000 }, { waited: true });
        const second = (await readAll(used)).trim();
        assert.notEqual(first, second);
        for (const tmp of [first, second]) {
          assert.equal(dirname(tmp), folder.temporary);
          assert.ok(Buffer.byteLength(tmp) <= SHORT, tmp);
        }
        await one.exited;
        await used.exited;
        assert.deepEqual(await readdir(folder.temporary), []);
        assert.equal((await stat(folder.temporary)).mode & 0o777, 0o700);
      } finally {
        await close();
        await folder.close();
      }
      assert.equal(existsSync(folder.temporary), false);
    });

    it(`is removed at the next boot when the executor was killed, when its folder is ${where}`, async () => {
      const before = await openAt(join(dir, path));
      await mkdir(join(before.temporary, "abc123"));
      await writeFile(join(before.temporary, "abc123", "left"), "");
      await rm(join(dir, path, "executor.lock"));
      const next = await openAt(join(dir, path));
      assert.equal(next.temporary, before.temporary);
      assert.deepEqual(await readdir(next.temporary), []);
      await next.close();
    });
  }

  it("is refused when another user created it", async () => {
    const path = join(dir, "d".repeat(60), "f".repeat(60));
    const folder = await openAt(path);
    await folder.close();
    await mkdir(folder.temporary, { mode: 0o755 });
    await assert.rejects(openAt(path), /is not a folder that only this user can use/);
    await rm(folder.temporary, { recursive: true });
  });

  it("has the socket of the real CLI, which is gone with it when the CLI is killed", async function () {
    if (CLAUDE_CODE_VERSION === "2.1.197") skip(this, "Claude Code 2.1.197 has no sockets");
    this.timeout(60_000);
    const simulator = await startSimulator();
    try {
      const env = {
        CCSP_CLAUDE_CODE_BIN: CLAUDE_CODE_BIN,
        CCSP_CLAUDE_CODE_BASE_URL: simulator.url,
        CCSP_EXECUTOR_DIR: join(dir, "g".repeat(60), "h".repeat(60)),
        // In a sandbox, the temporary folder is in memory.
        CCSP_EXECUTOR_SANDBOX: "off",
      };
      await withRig(env, async (rig) => {
        const gate = simulator.gate();
        const task = rig.queue.add(`hello ${gate.marker}`);
        await gate.reached;
        const temporary = temporaryFolderOf(env.CCSP_EXECUTOR_DIR);
        // The CLI opens its socket beside its call of the model. Its helpers come and go meanwhile.
        const pid = await eventually(async () => {
          const [pid] = (await processesOf(task)).filter((each) => commandLineOf(each).startsWith(CLAUDE_CODE_BIN));
          const entries = await readdir(temporary, { recursive: true });
          assert.ok(pid && entries.some((entry) => entry.endsWith(`cc-socks/${pid}.sock`)), entries.join(" "));
          return pid;
        });
        process.kill(pid, "SIGKILL");
        await rig.ended(task);
        assert.deepEqual(await readdir(temporary), []);
      });
    } finally {
      await simulator.close();
    }
  });
});
