import assert from "node:assert/strict";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually, hugeText, scaled } from "@ccsp/testkit";
import { bytesWrittenBy, expectProcesses, processesOf } from "./processes.js";
import { failureOf, resultOf, withRig } from "./rig.js";

const MB = 1024 * 1024;

/**
 * The bytes that a process has written once it stops writing: it ended its output, or it waits until a pipe is read.
 */
async function writtenAtRest(pid: number): Promise<number> {
  let written = 0;
  let unchanged = 0;
  await eventually(() => {
    const now = bytesWrittenBy(pid);
    unchanged = now === written ? unchanged + 1 : 0;
    written = now;
    assert.ok(now > 0 && unchanged >= 5);
  });
  return written;
}

describe("an engine that misbehaves", function () {
  this.timeout(60_000);
  afterEach(() => expectProcesses(0));

  const failures: readonly (readonly [string, string, keyof typeof ErrorCategory])[] = [
    ["exits 0 without a result after it wrote text", "[[no-result]]", "ENGINE_CRASH"],
    ["is cut off in its result", "[[cut-result]]", "ENGINE_CRASH"],
    ["exits 0 without output", "[[empty-exit-0]]", "NO_WORK_DONE"],
    ["exits with an error", "[[exit:3]]", "ENGINE_CRASH"],
    ["is killed by a signal", "[[crash]]", "ENGINE_CRASH"],
    ["reports a closed window", "[[fail:window:60]]", "USAGE_WINDOW"],
  ];
  it(`ends its task with the correct category: ${failures.map(([what]) => what).join(", ")}`, () =>
    withRig({}, async (rig) => {
      for (const [what, prompt, category] of failures) {
        const failure = await failureOf(rig, rig.queue.add(prompt));
        assert.equal(ErrorCategory[failure.category], category, what);
      }
    }));

  it("is ended as hanging when it prints nothing, before or after it began", () =>
    withRig({ CCSP_EXECUTOR_SILENCE_TIMEOUT: `${scaled(400)}ms` }, async (rig) => {
      for (const prompt of ["[[hang]]", "[[hang-before-init]]", "[[hang-mid]][[text:one two]]"]) {
        const failure = await failureOf(rig, rig.queue.add(prompt));
        assert.equal(ErrorCategory[failure.category], "ENGINE_HANG", prompt);
      }
    }));

  it("is ended as hanging when it prints output without progress", () =>
    // Long enough for an engine to start. The limit of silence, which would end a slow start first, is far longer.
    withRig({ CCSP_EXECUTOR_STALL_TIMEOUT: "2500ms" }, async (rig) => {
      const failure = await failureOf(rig, rig.queue.add("[[stall]]"));
      assert.deepEqual([ErrorCategory[failure.category], failure.retryable], ["ENGINE_HANG", true]);
      assert.match(failure.message, /made no progress/);
    }));

  it("is ended with all its processes when it has too much memory or too many processes", () =>
    withRig({ CCSP_EXECUTOR_MEMORY_LIMIT: "200000000", CCSP_EXECUTOR_PROCESS_LIMIT: "30" }, async (rig) => {
      const hog = rig.queue.add("[[hog:600MB]][[grandchild-setsid]][[hang]]");
      const crowd = rig.queue.add("[[crowd:80]][[hang]]");
      for (const [task, category] of [
        [hog, "OUT_OF_MEMORY"],
        [crowd, "ENGINE_CRASH"],
      ] as const) {
        const failure = await failureOf(rig, task);
        assert.deepEqual([ErrorCategory[failure.category], failure.retryable], [category, false]);
        assert.deepEqual(await processesOf(task), []);
      }
    }));

  it("is ended at the task's own time limit", () =>
    withRig({}, async (rig) => {
      const limits = { wallTime: { seconds: 0n, nanos: 300_000_000 }, outputBytes: 0n, turns: 0, budgetUsd: 0 };
      const failure = await failureOf(rig, rig.queue.add("[[hang]]", { limits }));
      assert.equal(ErrorCategory[failure.category], "TIMEOUT");
    }));

  it("has no successful result after its time limit, or after it was asked to end", () =>
    withRig({ CCSP_EXECUTOR_KILL_GRACE: "2s", CCSP_DRAIN_TIMEOUT: "20s" }, async (rig) => {
      const late = "[[answer-sigterm]][[text:too late]]";
      const limits = { wallTime: { seconds: 0n, nanos: 700_000_000 }, outputBytes: 0n, turns: 0, budgetUsd: 0 };
      const timed = rig.queue.add(late, { limits });
      assert.equal(ErrorCategory[(await failureOf(rig, timed)).category], "TIMEOUT");
      const cancelled = rig.queue.add(late);
      await eventually(() => expectProcesses(1, cancelled));
      rig.queue.cancel(cancelled);
      assert.equal(ErrorCategory[(await failureOf(rig, cancelled)).category], "CANCELLED");
      const parked = rig.queue.add(late);
      await eventually(() => expectProcesses(1, parked));
      rig.queue.emergency({ id: "e1", level: EmergencyLevel.PARK_RUNNING });
      assert.equal((await rig.ended(parked)).how, "release");
      rig.queue.emergency(undefined);
      const drained = rig.queue.add(late);
      await eventually(() => expectProcesses(1, drained));
      await rig.stop();
      assert.equal((await rig.ended(drained)).how, "release");
      for (const task of [timed, cancelled, parked, drained]) assert.equal(rig.queue.textOf(task), "");
    }));

  it("is ended when it prints too much, text or other output", () =>
    withRig({ CCSP_EXECUTOR_MAX_OUTPUT_BYTES: "100000" }, async (rig) => {
      const failure = await failureOf(rig, rig.queue.add("[[flood:2MB]]"));
      assert.equal(ErrorCategory[failure.category], "OUTPUT_LIMIT");
      const limits = { wallTime: undefined, outputBytes: 20n, turns: 0, budgetUsd: 0 };
      const noisy = await failureOf(rig, rig.queue.add("[[garbage]]", { limits }));
      assert.equal(ErrorCategory[noisy.category], "OUTPUT_LIMIT");
    }));

  it("succeeds when output before and around its result was not understood", () =>
    withRig({}, async (rig) => {
      const result = await resultOf(rig, rig.queue.add("[[garbage]][[flood-stderr:1MB]][[split:1]][[text:日本語 🎉]]"));
      assert.equal(result.text, "日本語 🎉");
    }));

  it("succeeds with its result when it hangs after the result", () =>
    withRig({}, async (rig) => {
      assert.equal((await resultOf(rig, rig.queue.add("[[hang-after-result]][[text:done]]"))).text, "done");
    }));

  it("has its remaining processes ended with it, also those that left its group or hold its output", () =>
    withRig({}, async (rig) => {
      const task = rig.queue.add("[[report]][[grandchild]]");
      const own = rig.queue.add("[[report]][[grandchild-setsid]]");
      const holder = rig.queue.add("[[report]][[grandchild-stdout]]");
      for (const id of [task, own, holder]) {
        const { children }: { children: number[] } = JSON.parse((await resultOf(rig, id)).text);
        assert.equal(children.length, 1);
        assert.deepEqual(await processesOf(id), []);
      }
    }));

  it("is read no faster than the queue accepts its text", () =>
    withRig({}, async (rig) => {
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      let blocked = () => {};
      const full = new Promise<void>((resolve) => {
        blocked = resolve;
      });
      rig.queue.onReport = async ({ events }) => {
        if (events.length === 0) return;
        blocked();
        await held;
      };
      const task = rig.queue.add("[[flood:5MB]]");
      await full;
      const [pid = 0] = await expectProcesses(1, task);
      assert.ok((await writtenAtRest(pid)) < 3 * MB, "the executor continued to read");
      release();
      const { text } = await resultOf(rig, task);
      assert.ok(text === hugeText(5 * MB));
      assert.ok(rig.queue.textOf(task) === text);
    }));
});
