import type { Simulator } from "@ccsp/testkit";

/** Settings that make the executor use one engine, and a line that says which. */
export interface DemoEngine {
  readonly description: string;
  readonly env: Record<string, string>;
}

/** The real CLI, talking to the bundled simulator with a fake key. */
export const simulatedEngine = (simulator: Simulator, bin: string): DemoEngine => ({
  description: "the real Claude Code CLI, with the bundled simulator in place of the model",
  env: {
    CCSP_CLAUDE_CODE_BIN: bin,
    CCSP_CLAUDE_CODE_BASE_URL: simulator.url,
    CCSP_CLAUDE_CODE_API_KEY: "fake-key-for-the-simulator",
  },
});

/** The user's own CLI with the user's own login; only on CCSP_LIVE=1, since it costs money. */
export function liveEngine(env: Readonly<Record<string, string | undefined>>): DemoEngine {
  const home = env["HOME"];
  if (!home) throw new Error("CCSP_LIVE=1 needs HOME, where the CLI keeps its login");
  return {
    description: "your own Claude Code CLI with your own login (CCSP_LIVE=1); this run costs what it costs",
    env: { CCSP_CLAUDE_CODE_BIN: env["CCSP_CLAUDE_CODE_BIN"] ?? "claude", CCSP_CLAUDE_CODE_HOME: home },
  };
}
