import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ManagedProcess } from "@ccsp/fleet";
import { eventually } from "@ccsp/testkit";
import { startExecutorProcess } from "./executor-process.js";
import { type FakeQueue, startFakeQueue } from "./fake-queue.js";
import { expectProcesses } from "./processes.js";
import { resultOf, testEnv, withRig } from "./rig.js";

describe("an executor that stops", function () {
  this.timeout(120_000);
  afterEach(() => expectProcesses(0));

  it("lets a run end within its drain time, takes no more work, and exits with 0", () =>
    withRig({ CCSP_EXECUTOR_DRAIN: "60s", CCSP_DRAIN_TIMEOUT: "90s" }, async (rig) => {
      const gate = join(rig.dir, "gate");
      const task = rig.queue.add(`[[gate:${gate}]][[text:finished]]`);
      await eventually(() => expectProcesses(1, task));
      const exit = rig.stop();
      await eventually(() => assert.ok(rig.queue.syncs.at(-1)?.draining));
      assert.equal(rig.queue.syncs.at(-1)?.engines[0]?.freeSlots, 0);
      await writeFile(gate, "");
      assert.equal((await resultOf(rig, task)).text, "finished");
      assert.equal(await exit, 0);
    }));

  it("ends remaining runs after that, gives the lease back, and leaves no file on disk", () =>
    withRig({}, async (rig) => {
      const task = rig.queue.add("[[ignore-sigterm]][[grandchild-setsid]][[hang]]");
      await eventually(() => expectProcesses(2, task));
      assert.equal(await rig.stop(), 0);
      await expectProcesses(0);
      assert.equal(rig.queue.recordOf(task).ended?.how, "release");
      assert.equal(rig.queue.syncs.at(-1)?.leases.length, 0);
      assert.equal(existsSync(join(rig.dir, "executor")), false);
    }));

  it("exits in time when the queue cannot be reached", () =>
    withRig({}, async (rig) => {
      const task = rig.queue.add("[[hang]]");
      await eventually(() => expectProcesses(1, task));
      rig.queue.away.is = true;
      assert.equal(await rig.stop(), 0);
    }));
});

describe("an executor that is killed", function () {
  this.timeout(120_000);
  let dir: string;
  let queue: FakeQueue;
  const lines: string[] = [];
  const started: ManagedProcess[] = [];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-executor-test-"));
    queue = await startFakeQueue();
    lines.length = 0;
  });
  afterEach(async () => {
    for (const executor of started.splice(0)) await executor.stop();
    await queue.close();
    await rm(dir, { recursive: true, force: true });
    await expectProcesses(0);
  });

  async function start(env: Record<string, string> = {}): Promise<ManagedProcess> {
    const executor = await startExecutorProcess(
      { ...testEnv(queue.port, dir), ...env },
      (line) => void lines.push(line),
    );
    started.push(executor);
    return executor;
  }

  it("takes its engines with it, and ends their remaining processes before the next boot claims work", async () => {
    // From a sandbox, no process remains: see sandbox.test.ts.
    const executor = await start({ CCSP_EXECUTOR_SANDBOX: "off" });
    const task = queue.add("[[grandchild-setsid]][[hang]]");
    await eventually(() => expectProcesses(2, task), { timeoutMs: 45_000 });
    executor.kill("SIGKILL");
    await executor.exited;
    // The engine itself dies with the executor. Its grandchild gets no signal.
    await eventually(() => expectProcesses(1, task));

    const syncs = queue.syncs.length;
    await start();
    await eventually(() => assert.ok(queue.syncs.length > syncs), { timeoutMs: 45_000 });
    await expectProcesses(0);
    await eventually(() => assert.ok(lines.some((line) => line.includes("ended processes that an earlier boot left"))));
  });

  it("is not confused with a living one: a second executor with the same id does not start", async () => {
    await start();
    await eventually(() => assert.ok(queue.syncs.length > 0), { timeoutMs: 45_000 });
    const second = await start();
    assert.equal((await second.exited).code, 1);
    assert.ok(lines.some((line) => line.includes("is in use by process")));
  });

  it("names the wrong setting when there is no such engine", async () => {
    const executor = await start({ CCSP_CLAUDE_CODE_BIN: "no-such-claude" });
    assert.equal((await executor.exited).code, 1);
    assert.ok(lines.some((line) => line.includes("CCSP_CLAUDE_CODE_BIN")));
  });
});
