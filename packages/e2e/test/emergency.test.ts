import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type CcspClient, CcspError } from "@ccsp/client";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { queueClient } from "@ccsp/e2e-kit/internal-clients.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { EmergencyLevel, type EmergencyStatus } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { engineProcesses, eventually, scaled } from "@ccsp/testkit";
import { processesOf } from "../src/runs.js";

const EMERGENCY = { scope: { $case: "emergency" as const, value: true } };

describe("an emergency stop of a fleet with two queues, two executors and active runs", function () {
  this.timeout(120_000);
  let world: World;
  let client: CcspClient;
  before(async () => {
    world = await startWorld({
      engine: "scripted",
      replicas: { queue: 2, executor: 2 },
      slots: 2,
      // The answer must contain the ends of the runs, and these runs ignore SIGTERM. So the kill must come soon.
      env: { CCSP_EXECUTOR_KILL_GRACE: "100ms" },
    });
    client = world.client("alice");
  });
  after(() => world.close());

  const queue = async <T>(index: number, use: (of: ReturnType<typeof open>) => Promise<T>): Promise<T> => {
    const opened = open(index);
    try {
      return await use(opened);
    } finally {
      opened.close();
    }
  };
  const open = (index: number) => queueClient(world, index);
  const stop = (level: EmergencyLevel) =>
    queue(0, (of) => of.emergencyStop({ level, who: "ada", why: "a prompt leaks" }, { timeoutMs: scaled(5_000) }));
  const resume = () => queue(1, (of) => of.resumeQueue({ scope: EMERGENCY, who: "bob", why: "it is mended" }));

  /** Starts four runs that leave their process group and ignore SIGTERM. Returns their processes too. */
  async function startRuns(prompt: string): Promise<{ ids: string[]; pids: number[] }> {
    const ids: string[] = [];
    for (let i = 0; i < 4; i++) ids.push((await client.submit({ prompt: prompt.replace("#", String(i)) })).id);
    const pids = await eventually(
      async () => {
        const found = await processesOf(ids);
        const engines = engineProcesses(found).length;
        assert.equal(engines, 8, `${engines} processes run`);
        // A receipt names the process that leads a run. In a sandbox, it is one of the sandbox.
        return found;
      },
      { timeoutMs: 30_000, what: "two processes of each run" },
    );
    await eventually(async () => {
      for (const id of ids) assert.equal((await client.get(id)).state, "RUNNING");
    });
    return { ids, pids };
  }

  const ended = (status: EmergencyStatus | undefined) =>
    status?.receipts.flatMap(({ receipt }) => receipt?.ended ?? []).toSorted((a, b) => (a.taskId < b.taskId ? -1 : 1));

  async function assertStopped(): Promise<void> {
    await assert.rejects(client.submit({ prompt: "no" }), (error) => {
      assert.ok(error instanceof CcspError);
      assert.equal(error.reason, "SUBMIT_STOPPED");
      assert.match(error.message, /by ada: a prompt leaks/);
      return true;
    });
  }

  const notices = async (text: RegExp): Promise<number> => {
    const lines = (await readFile(join(world.dataDir, "notifications.jsonl"), "utf8")).split("\n");
    return lines.filter((line) => text.test(line)).length;
  };

  it("kills every process, gets receipts from both executors, accepts no task, and works again after the resume", async () => {
    const { ids, pids } = await startRuns("[[ignore-sigterm]][[grandchild-setsid]][[hang]]");
    const { status, confirmed } = await stop(EmergencyLevel.KILL);
    assert.deepEqual(await processesOf(ids), [], "no process lives when the call is answered");
    assert.equal(confirmed, true);
    assert.equal(status?.receipts.length, 2);
    assert.deepEqual(
      ended(status)?.map(({ taskId }) => taskId),
      ids.toSorted(),
    );
    for (const { pid, processes } of ended(status) ?? []) {
      assert.ok(pids.includes(pid), "the receipt names a process that ran");
      assert.ok(processes >= 1);
    }
    await assertStopped();
    await eventually(async () => {
      for (const id of ids) assert.equal((await client.get(id)).state, "CANCELLED");
    });
    assert.deepEqual(await resume(), { resumed: true });
    const { ended: end } = await collect(client.run({ prompt: "[[text:again]]" }));
    assert.equal(end.result?.text, "again");
  });

  it("parks running tasks, which continue after the resume and have lost no attempt", async () => {
    const counted = join(world.dataDir, "runs-#");
    const { ids } = await startRuns(
      `[[text:done]][[first:1:${counted}]][[ignore-sigterm]][[grandchild-setsid]][[hang]]`,
    );
    const { status, confirmed } = await stop(EmergencyLevel.PARK_RUNNING);
    assert.deepEqual(await processesOf(ids), []);
    assert.equal(confirmed, true);
    assert.deepEqual(
      ended(status)?.map(({ taskId }) => taskId),
      ids.toSorted(),
    );
    // The receipt says that a run is gone. Its task goes back to its queue at about the same time.
    await eventually(async () => {
      for (const id of ids) assert.equal((await client.get(id)).state, "QUEUED");
    });
    await assertStopped();
    await resume();
    await eventually(
      async () => {
        for (const id of ids) {
          const { state, result, attempt } = await client.get(id);
          assert.deepEqual([state, result?.text, attempt], ["SUCCEEDED", "done", 2]);
        }
      },
      { timeoutMs: 30_000, what: "the parked tasks to end" },
    );
  });

  it("sends one notification for each stop and each resume", async () => {
    await eventually(async () => {
      assert.equal(await notices(/EMERGENCY STOP \(KILL\) by ada: a prompt leaks/), 1);
      assert.equal(await notices(/EMERGENCY STOP \(PARK_RUNNING\) by ada/), 1);
      assert.equal(await notices(/bob ended the emergency stop: it is mended/), 2);
    });
  });
});
