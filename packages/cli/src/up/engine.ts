import { findExecutable } from "@ccsp/config";
import { CliError, EXIT } from "../exit.js";

type Env = Readonly<Record<string, string | undefined>>;

/** The engine that the executors of a fleet run. */
export interface FleetEngine {
  readonly settings: Record<string, string>;
  close(): Promise<void>;
}

/**
 * The real Claude Code CLI with a simulated model that echoes its input. With it, people can try CCSP without a login
 * and without cost.
 */
export async function openSimulatedEngine(env: Env): Promise<FleetEngine> {
  const bin = await findSimulatedCli(env);
  const { simulatedEngine, startSimulator } = await import("@ccsp/testkit"); // loads it only where it runs
  const simulator = await startSimulator();
  return { settings: simulatedEngine(simulator, bin), close: () => simulator.close() };
}

/** The CLI to run with a simulated model: the bundled one, else the user's own. Throws when there is none. */
export async function findSimulatedCli(env: Env): Promise<string> {
  const { CLAUDE_CODE_BIN } = await import("@ccsp/testkit");
  const bin = CLAUDE_CODE_BIN || env["CCSP_CLAUDE_CODE_BIN"] || findExecutable("claude", env["PATH"] ?? "");
  if (bin) return bin;
  throw new CliError(
    EXIT.usage,
    "--simulator simulates the model, and still needs the Claude Code CLI: no CLI is bundled here, and there is no " +
      "`claude` on PATH. Install it (npm install -g @anthropic-ai/claude-code), or name it in CCSP_CLAUDE_CODE_BIN",
  );
}

/**
 * The user's own CLI. When there is none, throws an error that says what to do. Otherwise the executors would start and
 * fail, one after the other.
 */
export function findOwnEngine(env: Env): FleetEngine {
  const own: FleetEngine = { settings: {}, close: async () => {} };
  if (env["CCSP_CLAUDE_CODE_BIN"]) return own; // the executor reports what is wrong with it
  if (findExecutable("claude", env["PATH"] ?? "")) return own;
  throw new CliError(
    EXIT.usage,
    "there is no `claude` on PATH for the executor to run. Install the Claude Code CLI, name it in CCSP_CLAUDE_CODE_BIN, " +
      "or try CCSP out with the bundled CLI and a simulated model: `ccsp up --simulator` (make up UP=--simulator)",
  );
}
