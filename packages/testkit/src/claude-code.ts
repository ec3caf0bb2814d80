import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/**
 * The real Claude Code CLI: the native binary that npm put beside its wrapper for this platform. Its install script, which
 * would link it, is not run here. Empty when this platform has none, so that importing this package never fails.
 */
export const CLAUDE_CODE_BIN: string = findClaudeCode();

function findClaudeCode(): string {
  const wrapper = createRequire(import.meta.url);
  try {
    const inside = createRequire(wrapper.resolve("@anthropic-ai/claude-code/package.json"));
    return join(dirname(inside.resolve(`@anthropic-ai/claude-code-${platform()}/package.json`)), "claude");
  } catch {
    return "";
  }
}

function platform(): string {
  const report = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const musl = process.platform === "linux" && report.header.glibcVersionRuntime === undefined;
  return `${process.platform}-${process.arch}${musl ? "-musl" : ""}`;
}
