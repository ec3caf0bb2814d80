import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/**
 * The real Claude Code CLI: the native binary that npm put beside its wrapper for this platform. Its install script, which
 * would link it, is not run here. Empty when this platform has none, so that importing this package never fails.
 */
export const CLAUDE_CODE_BIN: string = findClaudeCode();

function findClaudeCode(): string {
  const wrapper = createRequire(import.meta.url).resolve("@anthropic-ai/claude-code/package.json");
  const inside = createRequire(wrapper);
  const platform = `@anthropic-ai/claude-code-${process.platform}-${process.arch}`;
  for (const name of [platform, `${platform}-musl`]) {
    try {
      return join(dirname(inside.resolve(`${name}/package.json`)), "claude");
    } catch {
      // Not installed: the package manager keeps only the one that fits.
    }
  }
  return "";
}
