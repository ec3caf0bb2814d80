import { dirname } from "node:path";
import { CLAUDE_CODE_BIN } from "./claude-code.js";
import { SCRIPTED_ENGINE } from "./scripted-engine.js";
import type { Simulator } from "./simulator/simulator.js";

/** Settings of an executor that runs `bin` (the real CLI) with a fake key against the simulator. */
export function simulatedEngine(simulator: Simulator, bin: string = CLAUDE_CODE_BIN): Record<string, string> {
  return {
    CCSP_CLAUDE_CODE_BIN: bin,
    CCSP_CLAUDE_CODE_BASE_URL: simulator.url,
    CCSP_CLAUDE_CODE_API_KEY: "fake-key-for-the-simulator",
    // The scripted engine is more than one file.
    ...(bin === SCRIPTED_ENGINE && { CCSP_EXECUTOR_SANDBOX_READ: dirname(bin) }),
  };
}
