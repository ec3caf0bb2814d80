import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describeEngine } from "@ccsp/engine-kit/conformance";
import { enginePlugin } from "./example-engine.js";

const HUGE = 3_000_000;

describe("docs/adding-an-engine.md", () => {
  it("shows the engine that this test runs", async () => {
    const page = await readFile(new URL("../../../docs/adding-an-engine.md", import.meta.url), "utf8");
    const example = await readFile(new URL("example-engine.ts", import.meta.url), "utf8");
    assert.ok(page.includes(`\`\`\`ts\n${example}\`\`\`\n`), "the page and test/example-engine.ts differ");
  });
});

describe("docs/hooks.md", () => {
  it("shows the hook that the executor's tests run", async () => {
    const page = await readFile(new URL("../../../docs/hooks.md", import.meta.url), "utf8");
    const example = await readFile(new URL("example-hook.ts", import.meta.url), "utf8");
    assert.ok(page.includes(`\`\`\`ts\n${example}\`\`\`\n`), "the page and test/example-hook.ts differ");
  });
});

describeEngine("of docs/adding-an-engine.md", {
  plugin: enginePlugin,
  env: async () => ({ CCSP_MY_AGENT_BIN: fileURLToPath(new URL("my-agent.mjs", import.meta.url)) }),
  prompts: {
    answer: (text) => `answer ${text}`,
    huge: { prompt: `huge ${HUGE}`, text: "0123456789".repeat(HUGE / 10) },
    hang: "hang",
    hangAfterText: "hang-after-text",
    failures: [
      { prompt: "no-login", category: "SESSION_TIMEOUT" },
      { prompt: "crash", category: "ENGINE_CRASH" },
    ],
  },
});
