import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/**
 * The path of the real Claude Code CLI. It is the binary that `CCSP_TEST_CLAUDE_CODE_BIN` names (`make test-real-cli
 * CLAUDE=old` sets it). Otherwise it is the native binary for this platform, which npm put beside the CLI's wrapper
 * package. The wrapper's install script would link that binary, but it is not run here. The path is empty if there is
 * no binary: the CLI is an optional dependency and not every platform has one. So an import of this package never
 * fails.
 */
export const CLAUDE_CODE_BIN: string = process.env["CCSP_TEST_CLAUDE_CODE_BIN"] || findClaudeCode();

/** The version of that binary from its package.json. Empty if there is none. */
export const CLAUDE_CODE_VERSION: string = versionOf(CLAUDE_CODE_BIN);

function findClaudeCode(): string {
  const platform = `@anthropic-ai/claude-code-${process.platform}-${process.arch}`;
  try {
    const inside = createRequire(createRequire(import.meta.url).resolve("@anthropic-ai/claude-code/package.json"));
    for (const name of [platform, `${platform}-musl`]) {
      try {
        return join(dirname(inside.resolve(`${name}/package.json`)), "claude");
      } catch {
        // Not installed. The package manager installs only the package that fits the platform.
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
