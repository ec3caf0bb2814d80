import { type Simulator, simulatedEngine } from "@ccsp/testkit";

/** Settings that make the executor use one engine, and a line of text that names the engine. */
export interface DemoEngine {
  readonly description: string;
  readonly env: Record<string, string>;
}

const ANSWER =
  "Hello, CCSP! こんにちは、CCSP さん 👋 " +
  "A queue is good for letting many agents share one limit: each task waits its turn instead of failing.";

/** The real CLI with a fake key. It talks to the bundled simulator, which writes at the speed of a model. */
export function demoEngine(simulator: Simulator): DemoEngine {
  simulator.script([{ kind: "answer", text: ANSWER, tokensPerSecond: 15 }]);
  return {
    description: "the real Claude Code CLI, with the bundled simulator in place of the model",
    env: simulatedEngine(simulator),
  };
}

/**
 * The user's own CLI with the user's own login. The demo uses it only when CCSP_LIVE=1 is set, because it costs money.
 */
export function liveEngine(env: Readonly<Record<string, string | undefined>>): DemoEngine {
  const home = env["HOME"];
  if (!home) throw new Error("CCSP_LIVE=1 needs HOME, where the CLI keeps its login");
  return {
    description: "your own Claude Code CLI with your own login (CCSP_LIVE=1); this run is billed as usual",
    env: { CCSP_CLAUDE_CODE_BIN: env["CCSP_CLAUDE_CODE_BIN"] ?? "claude", CCSP_CLAUDE_CODE_HOME: home },
  };
}
