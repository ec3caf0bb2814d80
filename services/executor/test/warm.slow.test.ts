import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type ManagedProcess } from "@ccsp/fleet";
import { type Client, createClient } from "@ccsp/grpc-kit";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import type { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { engineProcesses, eventually, simulatedEngine, startSimulator } from "@ccsp/testkit";
import { findProcesses } from "../src/supervision/kill.js";
import { readStat } from "../src/supervision/proc.js";
import { startExecutorProcess } from "./executor-process.js";
import { type FakeQueue, startFakeQueue } from "./fake-queue.js";
import { expectProcesses } from "./processes.js";
import { EXECUTOR_ID, type Rig, resultOf, testEnv, withRig } from "./rig.js";

type Executor = Client<ExecutorServiceService>;
/** What the scripted engine reports about its process. */
interface Report {
  readonly pid: number;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** Without a sandbox: these tests compare process ids, and a process in a sandbox has another id there. */
const WARM = { CCSP_EXECUTOR_WARM: "1", CCSP_EXECUTOR_SLOTS: "4", CCSP_EXECUTOR_SANDBOX: "off" };

async function withWarm(use: (rig: Rig, executor: Executor) => Promise<void>, env: Record<string, string> = {}) {
  const port = await freePort();
  const executor = createClient(ExecutorServiceService, `127.0.0.1:${port}`);
  try {
    await withRig({ ...WARM, CCSP_EXECUTOR_LISTEN: `127.0.0.1:${port}`, ...env }, (rig) => use(rig, executor));
  } finally {
    executor.close();
  }
}

const waiting = (): Promise<number[]> =>
  findProcesses(({ executorId, run }) => executorId === EXECUTOR_ID && run.startsWith("warm-"));

/** Waits until exactly one process waits that is not in `before`. */
const oneWaits = (before: readonly number[] = []): Promise<number> =>
  eventually(
    async () => {
      const pids = engineProcesses((await waiting()).filter((pid) => !before.includes(pid)));
      assert.equal(pids.length, 1, `${pids.length} wait`);
      return pids[0] ?? 0;
    },
    { timeoutMs: 45_000 },
  );

async function reportOf(rig: Rig, spec: Partial<TaskSpec> = {}): Promise<Report> {
  const report: Report = JSON.parse((await resultOf(rig, rig.queue.add("[[report]]", spec))).text);
  return report;
}

/** Two runs of a kind make the pool start a waiting process for that kind. */
async function learn(rig: Rig, spec: Partial<TaskSpec> = {}): Promise<number> {
  const before = await waiting();
  for (let i = 0; i < 2; i++) await reportOf(rig, spec);
  return await oneWaits(before);
}

const statusOf = async (executor: Executor) => (await executor.getExecutorStatus({})).engines[0];

describe("an executor that keeps waiting processes", function () {
  this.timeout(120_000);
  afterEach(() => expectProcesses(0));

  it("gives a task of a known kind a process that started before the task, and replaces it", () =>
    withWarm(async (rig, executor) => {
      const pid = await learn(rig);
      assert.equal((await statusOf(executor))?.warm, 1);
      const report = await reportOf(rig);
      assert.equal(report.pid, pid);
      assert.equal((await statusOf(executor))?.running, 0);
      const next = await oneWaits();
      assert.notEqual(next, pid);
      assert.equal((await reportOf(rig)).pid, next);
    }));

  it("does the same with the real CLI, whose answer, usage and version are as in any run", async () => {
    const simulator = await startSimulator();
    try {
      await withWarm(async (rig, executor) => {
        for (const prompt of ["one", "two"]) await resultOf(rig, rig.queue.add(prompt, { systemPrompt: "Be brief." }));
        const pid = await oneWaits();
        const gate = simulator.gate();
        const task = rig.queue.add(`[[sim:text value="warm words"]][[sim:usage input=11 output=7]]${gate.marker}`, {
          systemPrompt: "Be brief.",
        });
        await gate.reached;
        assert.deepEqual(
          (await executor.listRuns({})).runs.map((run) => [run.taskId, run.pid]),
          [[task, pid]],
        );
        gate.release();
        const result = await resultOf(rig, task);
        assert.deepEqual([result.text, result.usage?.inputTokens], ["warm words", 11n]);
        assert.match(result.engineVersion, /^2\./);
        assert.match(JSON.stringify(simulator.requests.at(-1)?.system), /Be brief\./);
      }, simulatedEngine(simulator));
    } finally {
      await simulator.close();
    }
  });

  it("never gives one process to two tasks, however many come at once", () =>
    withWarm(
      async (rig) => {
        await learn(rig);
        const reports = await Promise.all(Array.from({ length: 12 }, () => reportOf(rig)));
        assert.equal(new Set(reports.map(({ pid }) => pid)).size, 12);
        assert.equal(new Set(reports.map(({ cwd }) => cwd)).size, 12);
      },
      { CCSP_EXECUTOR_WARM: "3" },
    ));

  it("starts a new process for a task of another kind: model, system prompt, tools, limits, or conversation", () =>
    withWarm(async (rig) => {
      const pid = await learn(rig, { model: "m", systemPrompt: "s" });
      const others: Partial<TaskSpec>[] = [
        { model: "other", systemPrompt: "s" },
        { model: "m", systemPrompt: "other" },
        { model: "m", systemPrompt: "s", deniedTools: ["Bash"] },
        { model: "m", systemPrompt: "s", attachments: [{ name: "a.txt", content: Buffer.from("x") }] },
      ];
      for (const spec of others) assert.notEqual((await reportOf(rig, spec)).pid, pid, JSON.stringify(spec));
      const { pid: same, argv } = await reportOf(rig, { model: "m", systemPrompt: "s" });
      assert.equal(same, pid);
      assert.ok(argv.includes("--model=m"), argv.join(" "));
    }));

  it("starts a new process for a task when the waiting one has died, and then another one waits", () =>
    withWarm(async (rig) => {
      const pid = await learn(rig);
      process.kill(pid, "SIGKILL");
      // The kernel needs some time to end it. Before that, the pool may give it a run, and the run would fail with it.
      await eventually(() => assert.equal(readStat(pid), undefined));
      assert.notEqual((await reportOf(rig)).pid, pid);
      assert.notEqual(await oneWaits([pid]), pid);
    }));

  it("ends them at a drain and at an emergency stop, starts none until that is over, and has none after its stop", () =>
    withWarm(async (rig, executor) => {
      await learn(rig);
      await executor.setDraining({ draining: true });
      await eventually(async () => assert.deepEqual(await waiting(), []));
      await executor.setDraining({ draining: false });
      await oneWaits();
      rig.queue.emergency({ id: "e1", level: EmergencyLevel.NO_START });
      await eventually(async () => assert.deepEqual(await waiting(), []));
      rig.queue.emergency({ id: "e2", level: EmergencyLevel.KILL });
      await eventually(() => {
        const receipt = rig.queue.syncs.at(-1)?.emergency;
        assert.deepEqual([receipt?.id, receipt?.remaining], ["e2", 0]);
      });
      rig.queue.emergency(undefined);
      await oneWaits();
      assert.equal(await rig.stop(), 0);
      assert.deepEqual(await waiting(), []);
    }));
});

describe("an executor that is killed while processes wait", function () {
  this.timeout(120_000);
  let dir: string;
  let queue: FakeQueue;
  const started: ManagedProcess[] = [];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-executor-test-"));
    queue = await startFakeQueue();
  });
  afterEach(async () => {
    for (const executor of started.splice(0)) await executor.stop();
    await queue.close();
    await rm(dir, { recursive: true, force: true });
    await expectProcesses(0);
  });

  it("leaves none of them alive once its next boot works", async () => {
    const boot = async () => {
      // Without setpriv in PATH, the processes do not die with the executor. So the next boot has something to end.
      const path = join(dir, "no-setpriv");
      const executor = await startExecutorProcess({ ...testEnv(queue.port, dir), ...WARM, PATH: path });
      started.push(executor);
      return executor;
    };
    const first = await boot();
    for (const prompt of ["one", "two"]) {
      const task = queue.add(prompt);
      await eventually(() => assert.ok(queue.recordOf(task).ended), { timeoutMs: 45_000 });
    }
    const pid = await oneWaits();
    process.kill(pid, "SIGSTOP");
    first.kill("SIGKILL");
    await first.exited;
    assert.ok(readStat(pid));
    const syncs = queue.syncs.length;
    await boot();
    await eventually(() => assert.ok(queue.syncs.length > syncs), { timeoutMs: 45_000 });
    assert.equal(readStat(pid), undefined);
  });
});
