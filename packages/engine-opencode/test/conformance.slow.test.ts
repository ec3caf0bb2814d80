import { describeEngine } from "@ccsp/engine-kit/conformance";
import { hugeText, type Simulator, startSimulator } from "@ccsp/testkit";
import { enginePlugin } from "../src/index.js";
import { OPENCODE_BIN, simulatedOpenCode } from "./opencode.js";

const MB = 1024 * 1024;

let simulator: Simulator;
if (OPENCODE_BIN !== "") {
  describeEngine("opencode, the real CLI", {
    plugin: enginePlugin,
    async env() {
      simulator = await startSimulator();
      return { ...simulatedOpenCode(simulator), CCSP_OPENCODE_MAX_RETRIES: "0" };
    },
    close: () => simulator.close(),
    prompts: {
      answer: (text) => `[[sim:text value="${text}" split=1]]`,
      // With more tokens, OpenCode would summarize the conversation and continue.
      huge: { prompt: "[[sim:huge bytes=5M]] [[sim:usage input=10 output=10]]", text: hugeText(5 * MB) },
      hang: "[[sim:hang]]",
      hangAfterText: '[[sim:text value="one two three four"]] [[sim:hang-mid after=7]]',
      detours: [
        {
          prompt: '[[sim:tool name=read input={} say="Let me look."]] [[sim:text value="It is not there."]]',
          text: "It is not there.",
        },
      ],
      usage: {
        prompt: "[[sim:usage input=11 output=7 cache-read=3 cache-write=2]]",
        usage: { inputTokens: 11, outputTokens: 7, cacheReadTokens: 3, cacheCreationTokens: 2 },
      },
      failures: [
        { prompt: "[[sim:401]]", category: "SESSION_TIMEOUT" },
        { prompt: "[[sim:429]]", category: "RATE_LIMIT" },
        { prompt: "[[sim:529]]", category: "OVERLOADED" },
        { prompt: "[[sim:too-long]]", category: "CONTEXT_OVERFLOW" },
      ],
    },
  });
}
