import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/**
 * The real Claude Code CLI: the binary that `CCSP_TEST_CLAUDE_CODE_BIN` names (`make test-real-cli CLAUDE=old` does), else the native
 * binary that npm put beside its wrapper for this platform. The wrapper's install script, which would link it, is not run here. Empty
 * where there is none, since the CLI is an optional dependency and not every platform has one: importing this package never fails.
 */
export const CLAUDE_CODE_BIN: string = process.env["CCSP_TEST_CLAUDE_CODE_BIN"] || findClaudeCode();

/** Version of that binary, as its package says; empty where there is none. */
export const CLAUDE_CODE_VERSION: string = versionOf(CLAUDE_CODE_BIN);

function findClaudeCode(): string {
  const platform = `@anthropic-ai/claude-code-${process.platform}-${process.arch}`;
  try {
    const inside = createRequire(createRequire(import.meta.url).resolve("@anthropic-ai/claude-code/package.json"));
    for (const name of [platform, `${platform}-musl`]) {
      try {
        return join(dirname(inside.resolve(`${name}/package.json`)), "claude");
      } catch {
        // Not installed: the package manager keeps only the one that fits.
      }
    }
  } catch {
    // The wrapper itself is not installed.
  }
  return "";
}

function versionOf(bin: string): string {
  if (bin === "") return "";
  try {
    const { version }: { version?: unknown } = JSON.parse(readFileSync(join(dirname(bin), "package.json"), "utf8"));
    return typeof version === "string" ? version : "";
  } catch {
    return "";
  }
}
