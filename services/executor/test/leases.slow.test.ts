import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Refusal } from "@ccsp/errors";
import { freePort } from "@ccsp/fleet";
import { createClient } from "@ccsp/grpc-kit";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { ErrorCategory, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually, isOfSandbox, scaled } from "@ccsp/testkit";
import { expectProcesses, processesOf } from "./processes.js";
import { failureOf, type Rig, resultOf, withRig } from "./rig.js";

/** Calls that would end the task, whether the queue accepted them or not. */
const endingsOf = (rig: Rig, taskId: string) => rig.queue.recordOf(taskId).calls.filter((call) => call !== "report");

describe("the executor and its leases", function () {
  this.timeout(60_000);
  afterEach(() => expectProcesses(0));

  it("has ended every process of a run before it confirms a cancel, even if they resist", () =>
    withRig({}, async (rig) => {
      const task = rig.queue.add("[[ignore-sigterm]][[grandchild]][[hang]]");
      const other = rig.queue.add("[[grandchild-setsid]][[hang]]");
      await eventually(() => expectProcesses(2, task));
      await eventually(() => expectProcesses(2, other));
      rig.queue.cancel(task);
      rig.queue.cancel(other);
      for (const id of [task, other]) {
        const failure = await failureOf(rig, id);
        assert.deepEqual(await processesOf(id), []);
        assert.equal(ErrorCategory[failure.category], "CANCELLED");
      }
    }));

  it("runs no more at the same time than it has slots, and takes the next as soon as one is free", () =>
    withRig({ CCSP_EXECUTOR_SLOTS: "1" }, async (rig) => {
      const first = rig.queue.add("[[hang]]");
      await eventually(() => expectProcesses(1, first));
      const second = rig.queue.add("[[text:second]]");
      const before = rig.queue.syncs.length;
      await eventually(() => assert.ok(rig.queue.syncs.length > before + 1));
      assert.deepEqual(await processesOf(second), []);
      rig.queue.cancel(first);
      assert.equal((await resultOf(rig, second)).text, "second");
    }));

  it("stops a run whose lease is lost, and sends the queue nothing more about it", () =>
    withRig({}, async (rig) => {
      const task = rig.queue.add("[[grandchild-setsid]][[hang]]");
      await eventually(() => expectProcesses(2, task));
      rig.queue.lose(task);
      await eventually(() => expectProcesses(0, task));
      assert.equal((await resultOf(rig, rig.queue.add("[[text:next]]"))).text, "next");
      assert.deepEqual(endingsOf(rig, task), []);
    }));

  it("stops a run when a report finds the lease lost", () =>
    withRig({}, async (rig) => {
      const gate = join(rig.dir, "gate");
      const task = rig.queue.add(`[[gate:${gate}]][[delay:5]][[flood:1MB]]`);
      await eventually(() => assert.ok(rig.queue.recordOf(task).reports.length > 0));
      rig.queue.recordOf(task).fence = 2n;
      await writeFile(gate, "");
      await eventually(() => expectProcesses(0, task));
    }));

  it("says in the result that the log may lack its end if the lease was over at the last report", () =>
    withRig({}, async (rig) => {
      rig.queue.onReport = async ({ taskId, events }) => {
        // The first report is answered when the run has ended.
        if (events.length === 0) await eventually(() => expectProcesses(0, taskId));
        else throw new Refusal("LEASE_LOST", "expired");
      };
      const { text, notKept } = await resultOf(rig, rig.queue.add("[[text:done]]"));
      assert.equal(text, "done");
      assert.deepEqual(notKept, ["the last entries of the task's log, if the queue lacks them"]);
    }));

  it("ends the older attempt before it starts a newer one of the same task", () =>
    withRig({ CCSP_EXECUTOR_SLOTS: "2" }, async (rig) => {
      const task = rig.queue.add("[[ignore-sigterm]][[hang]]");
      const [older] = await eventually(() => expectProcesses(1, task));
      rig.queue.add("[[text:again]]", {}, { taskId: task, fence: 2n });
      assert.equal((await resultOf(rig, task)).text, "again");
      assert.ok(!(await processesOf(task)).includes(older ?? 0));
    }));

  it("ends a run with its result, at its cancel and at its wall time, while the queue fails to store its log", () =>
    withRig({ CCSP_EXECUTOR_SLOTS: "3" }, async (rig) => {
      const hang = TaskSpec.fromPartial({ limits: { wallTime: { seconds: 1n, nanos: 0 } } });
      for (const number of [1, 2, 3]) rig.queue.faults.add(`report task-${number}`);
      const done = rig.queue.add("[[text:kept]]");
      const late = rig.queue.add("[[flood:1MB]][[hang]]", { limits: hang.limits });
      const cancelled = rig.queue.add("[[flood:1MB]][[hang]]");
      await eventually(() => expectProcesses(1, cancelled));
      rig.queue.cancel(cancelled);
      const result = await resultOf(rig, done);
      assert.equal(result.text, "kept");
      assert.deepEqual(
        result.notKept.map((what) => what.replace(/^\d+/, "N")),
        ["N entries of the task's log"],
      );
      const failures = await Promise.all([late, cancelled].map((id) => failureOf(rig, id)));
      assert.deepEqual(
        failures.map(({ category }) => ErrorCategory[category]),
        ["TIMEOUT", "CANCELLED"],
      );
    }));

  it("fails a run whose result the queue fails to store, and gives up its lease when it stores no end at all", () =>
    withRig({ CCSP_EXECUTOR_SLOTS: "2" }, async (rig) => {
      for (const fault of ["report task-1", "complete task-1", "complete task-2", "fail task-2"])
        rig.queue.faults.add(fault);
      const [failed, dropped] = [rig.queue.add("[[text:a]]"), rig.queue.add("[[text:b]]")];
      const { category, retryable, message } = await failureOf(rig, failed);
      assert.deepEqual([ErrorCategory[category], retryable], ["UNKNOWN_ERROR", false]);
      assert.match(message, /could not store its result; not kept: \d entries of the task's log$/);
      await eventually(() => assert.deepEqual(rig.queue.syncs.at(-1)?.leases, []));
      assert.equal(endingsOf(rig, dropped).length, 12);
    }));

  it("keeps a run active while the queue cannot be reached, and delivers its result afterwards", () =>
    withRig({}, async (rig) => {
      const gate = join(rig.dir, "gate");
      const task = rig.queue.add(`[[gate:${gate}]][[text:kept]]`);
      await eventually(() => assert.ok(rig.queue.recordOf(task).reports.length > 0));
      rig.queue.away.is = true;
      await writeFile(gate, "");
      await eventually(() => expectProcesses(0, task));
      rig.queue.away.is = false;
      assert.equal((await resultOf(rig, task)).text, "kept");
      assert.equal(rig.queue.textOf(task), "kept");
    }));

  it("stops a run whose lease expired without renewal, since another executor may have it by then", () =>
    withRig({}, async (rig) => {
      rig.queue.leaseSeconds = Math.ceil(scaled(6_000) / 1_000);
      // The lease lasts as long as the machine was slow when it was granted, however fast the machine is afterwards.
      const timeoutMs = rig.queue.leaseSeconds * 1_000 + 10_000;
      const task = rig.queue.add("[[hang]]");
      await eventually(() => expectProcesses(1, task));
      rig.queue.away.is = true;
      await eventually(() => expectProcesses(0, task), { timeoutMs });
      rig.queue.away.is = false;
      assert.equal((await resultOf(rig, rig.queue.add("[[text:next]]"))).text, "next");
      assert.deepEqual(endingsOf(rig, task), []);
    }));

  it("reports its runs, and that it is ready", async () => {
    const [port, ops] = [await freePort(), await freePort()];
    const env = { CCSP_EXECUTOR_LISTEN: `127.0.0.1:${port}`, CCSP_EXECUTOR_OPS_LISTEN: `127.0.0.1:${ops}` };
    await withRig(env, async (rig) => {
      const task = rig.queue.add("[[hang]]");
      const [pid] = await eventually(() => expectProcesses(1, task));
      const client = createClient(ExecutorServiceService, `127.0.0.1:${port}`);
      const status = await client.getExecutorStatus({});
      client.close();
      assert.deepEqual(
        status.engines.map(({ engine, version, slots, running }) => ({ engine, version, slots, running })),
        [{ engine: "claude-code", version: "2.1.197", slots: 2, running: 1 }],
      );
      assert.deepEqual(
        status.runs.map(({ taskId }) => taskId),
        [task],
      );
      const leader = status.runs[0]?.pid ?? 0;
      assert.equal(status.sandbox?.confined ? isOfSandbox(leader) : leader === pid, true);
      assert.equal((await fetch(`http://127.0.0.1:${ops}/ready`)).status, 200);
      const metrics = await (await fetch(`http://127.0.0.1:${ops}/metrics`)).text();
      assert.match(metrics, /ccsp_executor_runs\{engine="claude-code"[^}]*\} 1/);
      rig.queue.cancel(task);
      await rig.ended(task);
      const after = await (await fetch(`http://127.0.0.1:${ops}/metrics`)).text();
      assert.match(after, /ccsp_executor_exits_total\{engine="claude-code",cause="stopped"[^}]*\} 1/);
      assert.match(after, /ccsp_executor_run_cpu_seconds_count\{[^}]*engine="claude-code"[^}]*\} 1/);
    });
  });
});
