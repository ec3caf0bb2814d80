import { type EnginePlugin, findExecutable, readEnvironmentFile } from "@ccsp/engine-kit";
import { type CommandConfig, defineCommand } from "./config.js";
import { createCommand } from "./engine.js";

/** Any command that reads a prompt and prints an answer. */
export const enginePlugin: EnginePlugin<CommandConfig> = {
  name: "command",
  define: defineCommand,

  async open({ line, versionLine, envFile, searchPath }, context) {
    const find = async ([name = "", ...args]: readonly string[], setting: string) => {
      const command = findExecutable(name, searchPath);
      if (command === undefined) throw new Error(`"${name}" is not an executable: check ${setting}`);
      return { command, args };
    };
    return createCommand({
      line: await find(line, "CCSP_COMMAND_ENGINE_LINE"),
      versionLine: versionLine && (await find(versionLine, "CCSP_COMMAND_ENGINE_VERSION_LINE")),
      env: envFile ? await readEnvironmentFile(envFile, "CCSP_COMMAND_ENGINE_ENV_FILE") : {},
      context,
    });
  },
};
