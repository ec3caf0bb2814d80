import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ROOT } from "@ccsp/docs-generator/blocks.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { type Simulator, skip, startSimulator } from "@ccsp/testkit";
import {
  allowed,
  attempts,
  FOLDER_BYTES,
  metadataAttempts,
  scriptOf,
  sleeping,
  succeededIn,
} from "../src/hostile-task.js";

const PACKAGE = join(ROOT, "packages/engine-opencode");

/** The CLI's binary for this platform, which the engine's package has for its tests. Undefined: there is none. */
function findOpenCode(): string | undefined {
  const wrapper = createRequire(join(PACKAGE, "package.json")).resolve("opencode-ai/package.json");
  try {
    const own = createRequire(wrapper).resolve(`opencode-${process.platform}-${process.arch}/package.json`);
    return join(dirname(own), "bin/opencode");
  } catch {
    return undefined;
  }
}

const bash = (script: string) => {
  const command = `echo ${Buffer.from(script).toString("base64")} | base64 -d | bash`;
  return `[[sim:tool name=bash input='${JSON.stringify({ command, description: "looks around" })}']]`;
};

describe("a task of OpenCode, with the real CLI, where each run must have a sandbox", function () {
  this.timeout(300_000);
  let simulator: Simulator;
  let world: World;

  before(async function () {
    const bin = findOpenCode() ?? skip(this, "there is no OpenCode CLI for this platform");
    simulator = await startSimulator();
    world = await startWorld({
      env: {
        CCSP_ENGINES: "claude-code,opencode",
        CCSP_EXECUTOR_ENGINES: "claude-code,opencode",
        CCSP_EXECUTOR_ENGINE_PLUGINS: "@ccsp/engine-opencode",
        CCSP_EXECUTOR_SANDBOX: "required",
        CCSP_EXECUTOR_SANDBOX_BYTES: String(FOLDER_BYTES),
        CCSP_OPENCODE_BIN: bin,
        CCSP_OPENCODE_BASE_URL: `${simulator.url}/v1`,
        CCSP_OPENCODE_API_KEY: "fake-key-for-the-simulator",
        CCSP_OPENCODE_MODELS_FILE: join(PACKAGE, "test/models.json"),
        CCSP_OPENCODE_TOOLS: "bash",
      },
    }).catch((error: unknown) => {
      if (/no sandbox for runs/.test(String(error))) skip(this, "this host has no sandbox for runs");
      throw error;
    });
  });
  after(async () => {
    await world?.close();
    await simulator?.close();
    for (const { pid } of sleeping()) process.kill(pid, "SIGKILL");
  });

  it("is answered, and follows its system prompt", async () => {
    const task = { engine: "opencode", prompt: '[[sim:text value="Grüße"]]', systemPrompt: "Answer as a sailor." };
    const { text } = await world.client("ada").run(task).result();
    assert.equal(text, "Grüße");
    assert.ok(JSON.stringify(simulator.requests.at(-1)).includes("Answer as a sailor."));
  });

  it("reaches its provider and its own folders, and nothing of the host or of CCSP", async () => {
    const secrets = ["jwt.secret", "certificates/ca.key", "certificates/executor/tls.key"];
    const all = [
      ...attempts(
        world,
        secrets.map((file) => join(world.dataDir, file)),
      ),
      ...metadataAttempts,
    ];
    const needs = allowed({ simulator });
    const prompt = `${bash(scriptOf([...all, ...needs]))} [[sim:text value=done]]`;
    const { text } = await world.client("mallory").run({ engine: "opencode", prompt }).result();
    assert.equal(text, "done");
    const output = simulator.requests.flatMap(({ toolResults }) => toolResults).find((said) => said.includes("try 0"));
    assert.ok(output, "the task's tool did not run");
    const succeeded = succeededIn([...all, ...needs], output);
    assert.deepEqual(
      succeeded.slice(all.length),
      needs.map(() => true),
      "a run cannot do what it may, so the attempts prove nothing",
    );
    assert.deepEqual(
      all.filter((_, index) => succeeded[index]).map(({ what }) => what),
      [],
    );
  });
});
