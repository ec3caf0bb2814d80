import assert from "node:assert/strict";
import { mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "@ccsp/fleet";
import { type Client, createClient } from "@ccsp/grpc-kit";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import type { RunPolicy } from "@ccsp/protos/ccsp/queue/v1/executor.js";
import { ErrorCategory, PermissionMode } from "@ccsp/protos/ccsp/task/v1/task.js";
import { CLAUDE_CODE_BIN, CLAUDE_CODE_VERSION, eventually, isOfSandbox, startSimulator } from "@ccsp/testkit";
import { expectProcesses } from "./processes.js";
import { type Rig, resultOf, withRig } from "./rig.js";

type Executor = Client<ExecutorServiceService>;

/** A rig with a client of its executor. */
async function withExecutor(
  env: Record<string, string>,
  use: (rig: Rig, executor: Executor) => Promise<void>,
): Promise<void> {
  const port = await freePort();
  const executor = createClient(ExecutorServiceService, `127.0.0.1:${port}`);
  try {
    await withRig({ CCSP_EXECUTOR_LISTEN: `127.0.0.1:${port}`, ...env }, (rig) => use(rig, executor));
  } finally {
    executor.close();
  }
}

const ECHO = fileURLToPath(new URL("plugins/echo.mjs", import.meta.url));

describe("controlling an executor", function () {
  this.timeout(60_000);
  afterEach(() => expectProcesses(0));

  it("tells the queue what its operator lets tasks ask for, and its roots unless a file may change them", async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "ccsp-roots-")));
    await symlink("/usr/share", join(folder, "link"));
    const env = {
      CCSP_EXECUTOR_ALLOWED_ROOTS: join(folder, "link"),
      CCSP_EXECUTOR_PERMISSION_MODES: "plan,skip",
      CCSP_EXECUTOR_MAX_TURNS: "7",
      CCSP_EXECUTOR_DENIED_TOOLS: "WebFetch",
    };
    const told = async (more: Record<string, string>) => {
      let policy: RunPolicy | undefined;
      await withRig({ ...env, ...more }, async ({ queue }) => {
        policy = await eventually(() => queue.syncs.at(-1)?.policy ?? assert.fail("it tells nothing"));
      });
      return policy ?? assert.fail("it tells nothing");
    };
    const { noWorkingFolders: _, ...policy } = await told({});
    assert.deepEqual(policy, {
      permissionModes: [PermissionMode.PLAN, PermissionMode.SKIP],
      roots: [join(folder, "link"), "/usr/share"],
      rootsMayChange: false,
      most: { wallTime: { seconds: 86_400n, nanos: 0 }, outputBytes: 11_534_336n, turns: 7, budgetUsd: undefined },
      deniedTools: ["WebFetch"],
    });
    const changing = await told({ CCSP_EXECUTOR_ALLOWED_ROOTS_FILE: join(folder, "roots", "file") });
    assert.deepEqual([changing.roots, changing.rootsMayChange], [[], true]);
    await rm(folder, { recursive: true });
  });

  it("lists its engines with their origin and capabilities", () =>
    withExecutor(
      { CCSP_EXECUTOR_ENGINE_PLUGINS: ECHO, CCSP_EXECUTOR_ENGINES: "claude-code,echo", CCSP_ECHO_ANSWER: "x" },
      async (_rig, executor) => {
        const { engines } = await executor.listEngines({});
        assert.deepEqual(
          engines.map(({ status, origin, minimumVersion }) => [status?.engine, origin, minimumVersion]),
          [
            ["claude-code", "built-in", "2.1.217"],
            ["echo", ECHO, "9.0.0"],
          ],
        );
        assert.ok(engines[0]?.capabilities.includes("limits.budget_usd"));
      },
    ));

  it("shows a run with the end of its text and its resources, and refuses an unknown run", () =>
    withExecutor({}, async (rig, executor) => {
      const task = rig.queue.add("[[text:so far]][[grandchild]][[hang-mid]]");
      const pids = await eventually(() => expectProcesses(2, task));
      const { sandbox } = await executor.getExecutorStatus({});
      // A sandbox is three processes: two of bubblewrap, and socat. The outer one leads the run's group.
      const all = sandbox?.confined ? 5 : 2;
      await eventually(async () => {
        const { run, tail, resources, processes } = await executor.getRun({ taskId: task });
        const pid = run?.pid ?? 0;
        assert.equal(sandbox?.confined ? isOfSandbox(pid) : pids.includes(pid), true);
        assert.deepEqual([run?.taskId, tail, processes], [task, "so", all]);
        assert.ok((resources?.peakMemoryBytes ?? 0n) > 1_000_000n);
      });
      assert.deepEqual(
        (await executor.listRuns({})).runs.map(({ taskId }) => taskId),
        [task],
      );
      rig.queue.cancel(task);
      await rig.ended(task);
      await eventually(() => assert.rejects(executor.getRun({ taskId: task }), { reason: "RUN_NOT_FOUND" }));
      await assert.rejects(async () => {
        for await (const _part of executor.tailRun({ taskId: task }));
      }, /RUN_NOT_FOUND|does not run/);
    }));

  it("streams the output of a run as it comes, and ends when the run ends", () =>
    withExecutor({}, async (rig, executor) => {
      const gate = join(rig.dir, "gate");
      const task = rig.queue.add(`[[gate:${gate}]][[text:one two]][[hang-mid]]`);
      await eventually(() => executor.getRun({ taskId: task }));
      const parts: string[] = [];
      for await (const { text } of executor.tailRun({ taskId: task })) {
        // The first part, which is empty, shows that the stream is open.
        if (parts.length === 0) await writeFile(gate, "");
        // The engine hangs after this word. So the run lives until it is cancelled.
        if (text === "one") rig.queue.cancel(task);
        parts.push(text);
      }
      assert.deepEqual(parts, ["", "one"]);
      await rig.ended(task);
    }));

  it("streams all the output of a run from the call on, without a gap", () =>
    withExecutor({}, async (rig, executor) => {
      const gate = join(rig.dir, "gate");
      const words = Array.from({ length: 200 }, (_, at) => `word-${at}`).join(" ");
      const task = rig.queue.add(`[[gate:${gate}]][[text:${words}]]`);
      await eventually(() => executor.getRun({ taskId: task }));
      const parts: string[] = [];
      for await (const { text, gap } of executor.tailRun({ taskId: task })) {
        if (parts.length === 0) await writeFile(gate, "");
        assert.equal(gap, false);
        parts.push(text);
      }
      assert.equal(parts.join(""), words);
      await rig.ended(task);
    }));

  it("runs as many at the same time as the new slots allow", () =>
    withExecutor({ CCSP_EXECUTOR_SLOTS: "1" }, async (rig, executor) => {
      const tasks = [rig.queue.add("[[hang]]"), rig.queue.add("[[hang]]")];
      await eventually(() => expectProcesses(1));
      assert.equal((await executor.setConcurrency({ engine: "claude-code", slots: 2 })).engine?.slots, 2);
      await eventually(() => expectProcesses(2));
      const { engine } = await executor.setConcurrency({ engine: "claude-code", slots: 0 });
      assert.deepEqual([engine?.slots, engine?.running], [0, 2]);
      const third = rig.queue.add("never");
      for (const task of tasks) rig.queue.cancel(task);
      for (const task of tasks) await rig.ended(task);
      const syncs = rig.queue.syncs.length;
      await eventually(() => assert.ok(rig.queue.syncs.length > syncs + 1));
      assert.deepEqual(rig.queue.recordOf(third).calls, []);
      await assert.rejects(executor.setConcurrency({ engine: "claude-code", slots: 501 }), { reason: "INVALID_FIELD" });
      await assert.rejects(executor.setConcurrency({ engine: "nobody", slots: 1 }), { reason: "ENGINE_UNKNOWN" });
    }));

  it("says in each Sync where it serves, by the advertised host and the port that it got", () =>
    withRig({ CCSP_ADVERTISE_HOST: "localhost" }, async (rig) => {
      const sync = await eventually(() => rig.queue.syncs.at(-1) ?? assert.fail());
      const executor = createClient(ExecutorServiceService, sync.address);
      try {
        assert.match(sync.address, /^localhost:[1-9]/);
        assert.equal((await executor.getExecutorStatus({})).executorId, sync.executorId);
      } finally {
        executor.close();
      }
    }));

  it("takes no work while it is drained, and lets its runs continue", () =>
    withExecutor({}, async (rig, executor) => {
      const task = rig.queue.add("[[hang]]");
      await eventually(() => expectProcesses(1, task));
      assert.equal((await executor.setDraining({ draining: true })).running, 1);
      await eventually(() => assert.equal(rig.queue.syncs.at(-1)?.draining, true));
      const waiting = rig.queue.add("[[text:later]]");
      assert.equal((await executor.getExecutorStatus({})).draining, true);
      await expectProcesses(1, task);
      assert.deepEqual(rig.queue.recordOf(waiting).calls, []);
      await executor.setDraining({ draining: false });
      assert.equal((await resultOf(rig, waiting)).text, "later");
      rig.queue.cancel(task);
      await rig.ended(task);
    }));

  it("probes an engine without using a slot, and returns its answer", async () => {
    const simulator = await startSimulator();
    const env = {
      CCSP_EXECUTOR_SLOTS: "1",
      CCSP_CLAUDE_CODE_BIN: CLAUDE_CODE_BIN,
      CCSP_CLAUDE_CODE_BASE_URL: simulator.url,
    };
    try {
      await withExecutor(env, async (_rig, executor) => {
        await executor.setConcurrency({ engine: "claude-code", slots: 0 });
        const good = await executor.probe({}, { timeoutMs: 30_000 });
        assert.deepEqual([good.ok, good.error, good.engineVersion], [true, undefined, CLAUDE_CODE_VERSION]);
        assert.ok(good.firstText && good.total && good.model !== "");
        const refuse = {
          kind: "fault",
          status: 401,
          type: "authentication_error",
          message: "invalid x-api-key",
        } as const;
        simulator.script([refuse, refuse, refuse, refuse]);
        const bad = await executor.probe({ engine: "claude-code" }, { timeoutMs: 30_000 });
        assert.deepEqual(
          [bad.ok, bad.firstText, ErrorCategory[bad.error?.category ?? 0]],
          [false, undefined, "SESSION_TIMEOUT"],
        );
        await assert.rejects(executor.probe({ engine: "nobody" }), { reason: "ENGINE_UNKNOWN" });
      });
    } finally {
      await simulator.close();
    }
  });
});
