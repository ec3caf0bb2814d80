import { type EnginePlugin, findExecutable, readEnvironmentFile } from "@ccsp/engine-kit";
import { type ClaudeCodeConfig, defineClaudeCode } from "./config.js";
import { createClaudeCode } from "./engine.js";

export const enginePlugin: EnginePlugin<ClaudeCodeConfig> = {
  name: "claude-code",
  // Older versions are known to hang, to lose results and to leave processes behind.
  minimumVersion: "2.1.217",
  define: defineClaudeCode,

  async open({ bin: name, searchPath, envFile, env, account, ...login }, context) {
    const bin = findExecutable(name, searchPath);
    if (bin === undefined) {
      const where = name.includes("/") ? "is not an executable file" : "is not on PATH";
      throw new Error(`the Claude Code CLI "${name}" ${where}: install it, or set CCSP_CLAUDE_CODE_BIN to its path`);
    }
    const read = async () => ({
      ...env,
      ...(envFile && (await readEnvironmentFile(envFile, "CCSP_CLAUDE_CODE_ENV_FILE"))),
    });
    const declared = await read();
    let last = declared;
    let told = false;
    const declaredNow = async () => {
      try {
        last = await read();
        told = false;
      } catch (err) {
        if (!told) context.log.warn({ err }, "the variables of the CLI cannot be read again; the last ones hold");
        told = true;
      }
      return last;
    };
    const profile = { ...login, declared, declaredNow };
    return createClaudeCode({ bin, profile, account, context });
  },
};
