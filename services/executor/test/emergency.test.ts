import assert from "node:assert/strict";
import { freePort } from "@ccsp/fleet";
import { createClient } from "@ccsp/grpc-kit";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually } from "@ccsp/testkit";
import { findProcesses } from "../src/supervision/kill.js";
import { commandLineOf, expectProcesses, processesOf } from "./processes.js";
import { EXECUTOR_ID, failureOf, type Rig, resultOf, withRig } from "./rig.js";

/** Longer than any test waits. If a stubborn process ends in a test, the executor killed it immediately. */
const NO_GRACE = { CCSP_EXECUTOR_KILL_GRACE: "60s", CCSP_DRAIN_TIMEOUT: "90s" };
const park = (id: string) => ({ id, level: EmergencyLevel.PARK_RUNNING });
const kill = (id: string) => ({ id, level: EmergencyLevel.KILL });

/** Waits for the receipt that says that nothing is left. */
const receiptOf = (rig: Rig, id: string) =>
  eventually(() => {
    const receipt = rig.queue.syncs.at(-1)?.emergency;
    assert.deepEqual([receipt?.id, receipt?.remaining], [id, 0]);
    return receipt?.ended ?? [];
  });

describe("an executor at an emergency stop", function () {
  this.timeout(60_000);
  afterEach(() => expectProcesses(0));

  it("ends its runs even if they resist, gives them back, and reports which processes are gone", () =>
    withRig({}, async (rig) => {
      const tasks = [rig.queue.add("[[grandchild-setsid]][[hang]]"), rig.queue.add("[[ignore-sigterm]][[hang]]")];
      await eventually(() => expectProcesses(3));
      const pids = await Promise.all(
        tasks.map((task) => findProcesses(({ executorId, run }) => executorId === EXECUTOR_ID && run.startsWith(task))),
      );
      rig.queue.emergency(park("e1"));
      const ended = await receiptOf(rig, "e1");
      await expectProcesses(0);
      assert.deepEqual(ended.map(({ taskId }) => taskId).sort(), [...tasks].sort());
      for (const { taskId, pid, processes } of ended) {
        assert.ok(pids[tasks.indexOf(taskId)]?.includes(pid));
        assert.ok(processes >= 1);
        assert.equal((await rig.ended(taskId)).how, "release");
      }
    }));

  it("kills at once, and fails the tasks as cancelled", () =>
    withRig(NO_GRACE, async (rig) => {
      const task = rig.queue.add("[[ignore-sigterm]][[grandchild-setsid]][[hang]]");
      await eventually(() => expectProcesses(2, task));
      rig.queue.emergency(kill("e1"));
      await receiptOf(rig, "e1");
      assert.deepEqual(await processesOf(task), []);
      const { category, message } = await failureOf(rig, task);
      assert.deepEqual([ErrorCategory[category], message], ["CANCELLED", "an emergency stop killed it"]);
    }));

  it("kills runs that have not ended yet when the level is raised, and its newest receipt names all of them", () =>
    withRig(NO_GRACE, async (rig) => {
      const stubborn = "[[ignore-sigterm]][[grandchild-setsid]][[hang]]";
      const [good, bad] = [rig.queue.add("[[hang]]"), rig.queue.add(stubborn)];
      await eventually(() => expectProcesses(1, good));
      // An engine ignores SIGTERM before it leaves a grandchild, which is a `sleep`. The sandbox has processes before it.
      await eventually(async () => {
        const lines = (await processesOf(bad)).map(commandLineOf);
        assert.ok(lines.some((line) => line.startsWith("sleep\0")));
      });
      rig.queue.emergency(park("e1"));
      await eventually(() => assert.equal(rig.queue.syncs.at(-1)?.emergency?.remaining, 1));
      rig.queue.emergency(kill("e2"));
      const ended = await receiptOf(rig, "e2");
      assert.deepEqual(
        ended.map(({ taskId }) => taskId),
        [good, bad],
      );
      assert.equal((await rig.ended(good)).how, "release");
      assert.equal((await rig.ended(bad)).how, "fail");
    }));

  it("starts no lease that it still gets, and works again when the stop is over", () =>
    withRig({}, async (rig) => {
      rig.queue.emergency(park("e1"));
      await receiptOf(rig, "e1");
      const task = rig.queue.add("never");
      assert.equal((await rig.ended(task)).how, "release");
      assert.deepEqual(rig.queue.recordOf(task).reports, []);
      const ended = () => rig.queue.syncs.at(-1)?.emergency?.ended;
      await eventually(() => assert.deepEqual(ended(), [{ taskId: task, pid: 0, processes: 0 }]));
      rig.queue.emergency(undefined);
      assert.equal((await resultOf(rig, rig.queue.add("[[text:again]]"))).text, "again");
      assert.equal(rig.queue.syncs.at(-1)?.emergency, undefined);
    }));

  it("lets runs continue at the lower levels, and probes nothing from the second level on", async () => {
    const port = await freePort();
    const executor = createClient(ExecutorServiceService, `127.0.0.1:${port}`);
    await withRig({ CCSP_EXECUTOR_LISTEN: `127.0.0.1:${port}` }, async (rig) => {
      const task = rig.queue.add("[[hang]]");
      await eventually(() => expectProcesses(1, task));
      rig.queue.emergency({ id: "e1", level: EmergencyLevel.NO_START });
      await eventually(() => assert.rejects(executor.probe({}), { reason: "SUBMIT_STOPPED" }));
      await expectProcesses(1, task);
      rig.queue.cancel(task);
      await rig.ended(task);
    });
    executor.close();
  });
});
