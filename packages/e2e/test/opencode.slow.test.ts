import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { skip } from "@ccsp/testkit";
import { ROOT } from "../src/docs/blocks.js";
import { startWorld, type World } from "../src/world.js";

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

const bash = (command: string) =>
  `[[sim:tool name=bash input='${JSON.stringify({ command, description: "looks around" })}']]`;

describe("OpenCode in a fleet whose runs must have a sandbox", function () {
  this.timeout(180_000);
  let world: World | undefined;
  const opened = () => world ?? assert.fail("no world");

  before(async function () {
    const bin = findOpenCode() ?? skip(this, "there is no OpenCode CLI for this platform");
    world = await startWorld({
      env: {
        CCSP_ENGINES: "claude-code,opencode",
        CCSP_EXECUTOR_ENGINES: "claude-code,opencode",
        CCSP_EXECUTOR_ENGINE_PLUGINS: "@ccsp/engine-opencode",
        CCSP_EXECUTOR_SANDBOX: "required",
        CCSP_OPENCODE_BIN: bin,
        CCSP_OPENCODE_API_KEY: "fake-key-for-the-simulator",
        CCSP_OPENCODE_MODELS_FILE: join(PACKAGE, "test/models.json"),
        CCSP_OPENCODE_TOOLS: "bash",
      },
      ofSimulator: ({ url }) => ({ CCSP_OPENCODE_BASE_URL: `${url}/v1` }),
    });
  });
  after(() => world?.close());

  it("answers", async () => {
    const { text } = await opened()
      .client("ada")
      .run({ engine: "opencode", prompt: '[[sim:text value="Grüße"]]' })
      .result();
    assert.equal(text, "Grüße");
  });
});
