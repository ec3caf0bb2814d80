import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Simulator } from "@ccsp/testkit";

/**
 * The real CLI: the binary that npm installed for this platform next to the wrapper. The wrapper's install script,
 * which would link it, is not run here. Empty when there is no binary for this platform.
 */
export const OPENCODE_BIN: string = findOpenCode();

/** The models and their prices. The file is small, so the CLI starts in half the time. */
const MODELS = fileURLToPath(new URL("models.json", import.meta.url));

/** Settings with which the CLI runs against the simulator. */
export const simulatedOpenCode = (simulator: Pick<Simulator, "url">): Record<string, string> => ({
  CCSP_OPENCODE_BIN: OPENCODE_BIN,
  CCSP_OPENCODE_BASE_URL: `${simulator.url}/v1`,
  CCSP_OPENCODE_API_KEY: "fake-key-for-the-simulator",
  CCSP_OPENCODE_MODELS_FILE: MODELS,
});

function findOpenCode(): string {
  const wrapper = createRequire(import.meta.url).resolve("opencode-ai/package.json");
  try {
    const binary = createRequire(wrapper).resolve(`opencode-${process.platform}-${process.arch}/package.json`);
    return join(dirname(binary), "bin", "opencode");
  } catch {
    return "";
  }
}
