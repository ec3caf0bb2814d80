import { findExecutable } from "@ccsp/config";
import { CliError, EXIT } from "../exit.js";

type Env = Readonly<Record<string, string | undefined>>;

/** What the fleet's executors run. */
export interface FleetEngine {
  readonly settings: Record<string, string>;
  close(): Promise<void>;
}

/** The bundled Claude Code CLI with a simulated model that echoes: for trying CCSP out without a login and without cost. */
export async function openSimulatedEngine(): Promise<FleetEngine> {
  const { simulatedEngine, startSimulator } = await import("@ccsp/testkit"); // loaded where it runs only
  const simulator = await startSimulator();
  return { settings: simulatedEngine(simulator), close: () => simulator.close() };
}

/** The user's own CLI. Throws, saying what to do, when there is none: executors would only fail to start, one after the other. */
export function findOwnEngine(env: Env): FleetEngine {
  const own: FleetEngine = { settings: {}, close: async () => {} };
  if (env["CCSP_CLAUDE_CODE_BIN"]) return own; // the executor says what is wrong with it, if anything is
  if (findExecutable("claude", env["PATH"] ?? "")) return own;
  throw new CliError(
    EXIT.usage,
    "there is no `claude` on PATH for the executor to run. Install the Claude Code CLI, name it in CCSP_CLAUDE_CODE_BIN, " +
      "or try CCSP out with the bundled CLI and a simulated model: `ccsp up --simulator` (make up UP=--simulator)",
  );
}
