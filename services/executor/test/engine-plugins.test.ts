import assert from "node:assert/strict";
import { copyFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError, describeSettings, load } from "@ccsp/config";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { loadEngines } from "../src/engines/registry.js";
import { loadExecutorService } from "../src/index.js";
import { failureOf, resultOf, testEnv, withRig } from "./rig.js";

const path = (name: string) => fileURLToPath(new URL(`plugins/${name}.mjs`, import.meta.url));
const ECHO = { CCSP_EXECUTOR_ENGINE_PLUGINS: path("echo"), CCSP_EXECUTOR_ENGINES: "echo", CCSP_ECHO_ANSWER: "loaded" };
const COMMAND = {
  CCSP_EXECUTOR_ENGINES: "command",
  CCSP_COMMAND_ENGINE_LINE: JSON.stringify([
    process.execPath,
    fileURLToPath(new URL("command-script.mjs", import.meta.url)),
  ]),
};
const VERSION = JSON.stringify([process.execPath, "--version"]);

async function settingsOf(env: Record<string, string>) {
  const full = { ...testEnv(1, "/nowhere"), ...env };
  const service = await loadExecutorService(full);
  return load(full, (settings) => service.define(settings));
}

async function faultsOf(env: Record<string, string>): Promise<string> {
  const fault: unknown = await settingsOf(env).catch((err: unknown) => err);
  assert.ok(fault instanceof ConfigError, "no fault");
  return fault.message;
}

describe("the engines of an executor", function () {
  this.timeout(60_000);

  it("may come from an unknown module, with settings of its own", () =>
    withRig(ECHO, async (rig) => {
      const result = await resultOf(rig, rig.queue.add("hello", { engine: "echo" }));
      assert.deepEqual([result.text, result.engine, result.engineVersion], ["loaded", "echo", "1.2.3"]);
      assert.deepEqual(
        rig.queue.syncs.at(-1)?.engines.map(({ engine, version }) => [engine, version]),
        [["echo", "1.2.3"]],
      );
    }));

  it("may be one file anywhere on the host, without packages of its own", async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), "ccsp-plugin-test-"));
    try {
      await copyFile(path("echo"), join(elsewhere, "echo.mjs"));
      const example = new URL("../../../packages/engine-kit/test/example-engine.ts", import.meta.url);
      await copyFile(example, join(elsewhere, "my-agent.ts"));
      const plugins = [join(elsewhere, "echo.mjs"), join(elsewhere, "my-agent.ts")].join(",");
      await withRig({ ...ECHO, CCSP_EXECUTOR_ENGINE_PLUGINS: plugins }, async (rig) => {
        assert.equal((await resultOf(rig, rig.queue.add("hello", { engine: "echo" }))).text, "loaded");
      });
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  it("are found by the names in the READMEs of their packages", async () => {
    const packages = new URL("../../../packages/", import.meta.url);
    for (const name of (await readdir(packages)).filter((each) => each.startsWith("engine-"))) {
      const readme = await readFile(new URL(`${name}/README.md`, packages), "utf8");
      const plugins = /^CCSP_EXECUTOR_ENGINE_PLUGINS=(\S+)$/m.exec(readme)?.[1];
      if (plugins === undefined) continue;
      const { faults, plugins: loaded } = await loadEngines([plugins]);
      assert.deepEqual([faults, loaded.at(-1)?.origin], [[], plugins]);
    }
  });

  it("include the operator's own command, which gets the prompt on its standard input alone", () =>
    withRig(
      { ...COMMAND, CCSP_EXECUTOR_SLOTS_COMMAND: "7", CCSP_COMMAND_ENGINE_VERSION_LINE: VERSION },
      async (rig) => {
        const result = await resultOf(rig, rig.queue.add("report canary", { engine: "command" }));
        const { argv, env } = JSON.parse(result.text);
        assert.deepEqual(argv, []);
        assert.equal(result.engineVersion, process.versions.node);
        assert.doesNotMatch(JSON.stringify(env), /canary/);
        assert.equal(rig.queue.syncs[0]?.engines[0]?.freeSlots, 7);
      },
    ));

  it("get no task that needs more than their capabilities", () =>
    withRig(COMMAND, async (rig) => {
      const limits = { wallTime: undefined, outputBytes: 0n, turns: 3, budgetUsd: 0 };
      const task = rig.queue.add("answer never", { engine: "command", systemPrompt: "be brief", limits });
      const failure = await failureOf(rig, task);
      assert.equal(ErrorCategory[failure.category], "INVALID_REQUEST");
      assert.equal(failure.message, "engine command does not support system_prompt, limits.turns");
      assert.equal(failure.retryable, false);
      assert.deepEqual(rig.queue.recordOf(task).reports, [], "was started");
    }));

  it("stop the start, with all faults together, when one does not exist, is not an engine, or has a used name", async () => {
    const plugins = ["no-such-package", path("no-such-file"), path("no-plugin"), path("same-name"), "./relative.mjs"];
    const faults = await faultsOf({
      CCSP_EXECUTOR_ENGINE_PLUGINS: plugins.join(","),
      CCSP_EXECUTOR_ENGINES: "claude-code,nobody",
    });
    assert.match(faults, /engine plugin no-such-package: .*find package/);
    assert.match(faults, /engine plugin .*no-such-file\.mjs: .*find module/);
    assert.match(faults, /no-plugin\.mjs: exports no enginePlugin/);
    assert.match(faults, /same-name\.mjs: there is already an engine named command/);
    assert.match(faults, /\.\/relative\.mjs: is neither an absolute path/);
    assert.match(faults, /there is no engine nobody, only claude-code, command/);
  });

  it("read their settings only when they are opened, and always list them in --help", async () => {
    const { config } = await settingsOf({});
    assert.deepEqual(
      config.engines.map(({ plugin }) => plugin.name),
      ["claude-code"],
    );
    assert.match(await faultsOf({ ...COMMAND, CCSP_COMMAND_ENGINE_LINE: "" }), /CCSP_COMMAND_ENGINE_LINE is not set/);
    for (const line of ["my-agent --json", "[]", '["my-agent", 1]']) {
      assert.match(await faultsOf({ ...COMMAND, CCSP_COMMAND_ENGINE_LINE: line }), /must be a JSON array of strings/);
    }
    const service = await loadExecutorService(ECHO);
    const names = describeSettings((settings) => service.define(settings)).map(({ name }) => name);
    for (const name of ["CCSP_CLAUDE_CODE_BIN", "CCSP_COMMAND_ENGINE_LINE", "CCSP_ECHO_ANSWER"]) {
      assert.ok(names.includes(name), name);
    }
  });
});
