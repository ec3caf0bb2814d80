import { type Env, findExecutable } from "@ccsp/config";
import { CliError, EXIT } from "../process/exit.js";

/** The engine that the executors of a fleet run. */
export interface FleetEngine {
  readonly settings: Record<string, string>;
  /** Idempotent. */
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
  let closing: Promise<void> | undefined;
  return {
    settings: simulatedEngine(simulator, bin),
    close() {
      closing ??= simulator.close();
      return closing;
    },
  };
}

/** The CLI to run with a simulated model: the bundled one, else the user's own. Throws when there is none. */
async function findSimulatedCli(env: Env): Promise<string> {
  const bin = (await bundledCli()) || env["CCSP_CLAUDE_CODE_BIN"] || findExecutable("claude", env["PATH"] ?? "");
  if (bin) return bin;
  throw new CliError(
    EXIT.usage,
    "--simulator simulates the model, and still needs the Claude Code CLI: no CLI is bundled here, and there is no " +
      "`claude` on PATH. Install it (npm install -g @anthropic-ai/claude-code), or name it in CCSP_CLAUDE_CODE_BIN",
  );
}

/** The path of the CLI that the repository brings. An installed `ccsp` brings none: empty. */
export const bundledCli = async (): Promise<string> => (await import("@ccsp/testkit")).CLAUDE_CODE_BIN;

/** The user's own CLI, as the settings name it. `checkStart` has looked for it. */
export const ownEngine = (): FleetEngine => ({ settings: {}, close: async () => {} });
