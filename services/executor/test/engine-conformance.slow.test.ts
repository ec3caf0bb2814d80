import { fileURLToPath } from "node:url";
import type { EngineRig } from "@ccsp/engine-kit/conformance";
import { describeEngine } from "@ccsp/engine-kit/conformance";
import { enginePlugin as command } from "../src/engines/command/index.js";
import { realCli, supervisor } from "./real-cli-rig.js";

const MB = 1024 * 1024;
const SCRIPT = fileURLToPath(new URL("command-script.mjs", import.meta.url));

describeEngine("claude-code, the real CLI", realCli);

const rig: EngineRig = {
  plugin: command,
  env: async () => ({
    CCSP_COMMAND_ENGINE_LINE: JSON.stringify([process.execPath, SCRIPT]),
    CCSP_COMMAND_ENGINE_VERSION_LINE: JSON.stringify([process.execPath, "--version"]),
  }),
  prompts: {
    answer: (text) => `answer ${text}`,
    huge: { prompt: `huge ${5 * MB}`, text: "0123456789abcdef".repeat((5 * MB) / 16) },
    hang: "hang",
    hangAfterText: "hang-after-text",
    failures: [
      { prompt: "fail", category: "ENGINE_CRASH" },
      { prompt: "say-nothing", category: "NO_WORK_DONE" },
    ],
  },
};
describeEngine("command, with a script", { ...rig, createSupervisor: supervisor });
// A separate engine package is tested this way, because it does not have the executor's supervisor.
describeEngine("command, with the kit's plain supervisor", rig);
