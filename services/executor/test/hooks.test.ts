import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError, load } from "@ccsp/config";
import { freePort } from "@ccsp/fleet";
import { createClient } from "@ccsp/grpc-kit";
import { ExecutorServiceService, type HookStatus } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { CLAUDE_CODE_BIN, startSimulator } from "@ccsp/testkit";
import { loadExecutorService } from "../src/index.js";
import { expectProcesses } from "./processes.js";
import { failureOf, type Rig, resultOf, testEnv, withRig } from "./rig.js";

const path = (name: string) => fileURLToPath(new URL(`plugins/${name}.mjs`, import.meta.url));
const PLANTED = path("planted");
/** The example of docs/hooks.md. */
const EXAMPLE = fileURLToPath(new URL("../../../packages/engine-kit/test/example-hook.ts", import.meta.url));

/** A rig, and a function that lists its executor's hooks. */
async function withHooks(
  env: Record<string, string>,
  use: (rig: Rig, list: () => Promise<readonly HookStatus[]>) => Promise<void>,
): Promise<void> {
  const port = await freePort();
  const executor = createClient(ExecutorServiceService, `127.0.0.1:${port}`);
  const list = async () => (await executor.listHooks({})).hooks;
  try {
    await withRig({ CCSP_EXECUTOR_LISTEN: `127.0.0.1:${port}`, ...env }, (rig) => use(rig, list));
  } finally {
    executor.close();
  }
}

async function faultsOf(env: Record<string, string>): Promise<string> {
  const full = { ...testEnv(1, "/nowhere"), ...env };
  const service = await loadExecutorService(full);
  try {
    load(full, (settings) => service.define(settings));
  } catch (err) {
    assert.ok(err instanceof ConfigError);
    return err.message;
  }
  return assert.fail("no fault");
}

describe("the hooks of an executor", function () {
  this.timeout(60_000);
  afterEach(() => expectProcesses(0));

  it("change and refuse requests to the engine, and see how the run ended: the example, with the real CLI", async () => {
    const simulator = await startSimulator();
    const dir = await mkdtemp(join(tmpdir(), "ccsp-hooks-test-"));
    const file = join(dir, "audit.jsonl");
    const env = {
      CCSP_CLAUDE_CODE_BIN: CLAUDE_CODE_BIN,
      CCSP_CLAUDE_CODE_BASE_URL: simulator.url,
      CCSP_EXECUTOR_HOOKS: EXAMPLE,
      CCSP_HOOK_AUDIT_FILE: file,
      CCSP_HOOK_AUDIT_TIMEOUT: "60s",
    };
    try {
      await withHooks(env, async (rig, list) => {
        const good = rig.queue.add("use sk-ant-0123456789abcdef, please");
        assert.equal((await resultOf(rig, good)).text, "You said: use [a key], please");
        const bad = rig.queue.add("-----BEGIN PRIVATE KEY-----");
        const { category, message } = await failureOf(rig, bad);
        assert.equal(ErrorCategory[category], "INVALID_REQUEST");
        assert.equal(message, "hook audit refused it: the prompt has a private key");
        assert.doesNotMatch(JSON.stringify(simulator.requests), /sk-ant-0123|PRIVATE KEY/);
        const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
        assert.deepEqual(
          lines.map((line) => JSON.parse(line)).map(({ type, taskId, agentId }) => [type, taskId, agentId]),
          [
            ["opened", undefined, undefined],
            ["succeeded", good, "a"],
            ["failed", bad, "a"],
          ],
        );
        const [hook] = await list();
        assert.deepEqual(
          [hook?.name, hook?.origin, hook?.points, hook?.required, hook?.calls, hook?.failures],
          ["audit", EXAMPLE, ["before-execute", "after-execute", "on-error"], true, 4n, 0n],
        );
        assert.deepEqual(hook?.timeout, { seconds: 60n, nanos: 0 });
      });
    } finally {
      await simulator.close();
      await rm(dir, { recursive: true });
    }
  });

  it("fail no run when they throw or hang at every point", async () => {
    for (const what of ["throw", "hang"]) {
      const env = { CCSP_EXECUTOR_HOOKS: PLANTED, CCSP_HOOK_PLANTED_DO: what, CCSP_HOOK_PLANTED_TIMEOUT: "30ms" };
      await withHooks(env, async (rig, list) => {
        const words = "one two three four five";
        assert.equal((await resultOf(rig, rig.queue.add(`[[text:${words}]]`))).text, words);
        assert.equal((await failureOf(rig, rig.queue.add("[[fail:429]]"))).category, ErrorCategory.RATE_LIMIT);
        const [hook] = await list();
        assert.equal(hook?.failures, hook?.calls);
        assert.ok((hook?.failures ?? 0n) >= 7n, what);
      });
    }
  });

  it("fail runs with a message of their own when the operator requires them", () =>
    withHooks(
      { CCSP_EXECUTOR_HOOKS: PLANTED, CCSP_HOOK_PLANTED_DO: "throw", CCSP_HOOK_PLANTED_REQUIRED: "true" },
      async (rig, list) => {
        const failure = await failureOf(rig, rig.queue.add("[[text:never]]"));
        assert.deepEqual((await list())[0]?.timeout, { seconds: 1n, nanos: 0 }, "the default");
        assert.equal(ErrorCategory[failure.category], "HOOK_FAILED");
        assert.match(failure.message, /^the required hook planted failed at before-execute/);
        assert.equal(failure.retryable, true);
      },
    ));

  it("may do runs instead of the engine, without a process", () =>
    withRig({ CCSP_EXECUTOR_HOOKS: PLANTED, CCSP_HOOK_PLANTED_DO: "handle" }, async (rig) => {
      const task = rig.queue.add("[[text:by the engine]]");
      const result = await resultOf(rig, task);
      assert.deepEqual([result.text, result.engineVersion], ["by the hook", "hook planted"]);
      assert.equal(rig.queue.textOf(task), "by the hook");
    }));

  it("stop the start, with all faults together, when one does not exist, is not a hook, has a used name or wrong settings", async () => {
    const hooks = ["no-such-package", path("no-such-file"), path("no-hook"), PLANTED, PLANTED, "./relative.mjs"];
    const faults = await faultsOf({ CCSP_EXECUTOR_HOOKS: hooks.join(","), CCSP_HOOK_PLANTED_DO: "harm" });
    assert.match(faults, /hook no-such-package: .*find package/);
    assert.match(faults, /hook .*no-such-file\.mjs: .*find module/);
    assert.match(faults, /no-hook\.mjs: exports no hookPlugin with name, define and open/);
    assert.match(faults, /planted\.mjs: there is already a hook named planted/);
    assert.match(faults, /\.\/relative\.mjs: is neither an absolute path/);
    assert.match(faults, /CCSP_HOOK_PLANTED_DO must be one of/);
  });

  it("stop the start when a hook has no method or does not open", async () => {
    const dir = "/nowhere/audit.jsonl";
    for (const env of [{ CCSP_EXECUTOR_HOOKS: PLANTED }, { CCSP_EXECUTOR_HOOKS: EXAMPLE, CCSP_HOOK_AUDIT_FILE: dir }]) {
      await assert.rejects(
        withRig(env, () => new Promise(() => {})),
        /the executor ended with 1/,
      );
    }
  });
});
