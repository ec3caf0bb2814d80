import type { Supervisor } from "@ccsp/engine-kit";
import { findExecutable } from "@ccsp/engine-kit";
import type { Logger } from "pino";
import type { ClaudeCodeConfig } from "../../config.js";
import type { InstalledEngine } from "../../domain/executor.js";
import { readEnvironmentFile } from "./environment.js";
import { createClaudeCode } from "./index.js";

/** Older ones are known to hang, to lose results and to leave processes behind. */
const LEAST_VERSION = "2.1.217";

/** Finds the CLI and asks its version. Rejects, naming the setting, when it is not there or does not answer. */
export async function openClaudeCode(
  settings: ClaudeCodeConfig,
  {
    supervisor,
    log,
    slots,
    onUnknownLine,
  }: { supervisor: Supervisor; log: Logger; slots: number; onUnknownLine: () => void },
): Promise<InstalledEngine> {
  const { home, apiKey, baseUrl, maxRetries } = settings;
  const bin = await findExecutable(settings.bin, settings.searchPath);
  if (bin === undefined) {
    const where = settings.bin.includes("/") ? "is no executable file" : "is not on PATH";
    throw new Error(
      `the Claude Code CLI "${settings.bin}" ${where}: install it, or set CCSP_CLAUDE_CODE_BIN to its path`,
    );
  }
  const declared = settings.envFile ? await readEnvironmentFile(settings.envFile) : {};
  const profile = { home, apiKey, baseUrl, declared, maxRetries };
  const engine = createClaudeCode({ bin, profile, supervisor, onUnknownLine });
  const version = await engine.version().catch((err: unknown) => {
    throw new Error("the Claude Code CLI does not say its version: check CCSP_CLAUDE_CODE_BIN", { cause: err });
  });
  log.info({ engine: engine.name, version, bin }, "engine found");
  if (isOlder(version, LEAST_VERSION)) {
    log.warn({ engine: engine.name, version, least: LEAST_VERSION }, "engine is older than is known to be reliable");
  }
  return { engine, slots, version };
}

/** Compares the three numbers; what follows them does not count. */
export function isOlder(version: string, least: string): boolean {
  const [a, b] = [version, least].map((text) => text.split(/[.-]/, 3).map(Number));
  const index = a?.findIndex((part, i) => part !== b?.[i]) ?? -1;
  return index >= 0 && (a?.[index] ?? 0) < (b?.[index] ?? 0);
}
