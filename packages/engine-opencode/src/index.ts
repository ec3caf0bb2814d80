import { type EnginePlugin, findExecutable, readEnvironmentFile } from "@ccsp/engine-kit";
import { defineOpenCode, type OpenCodeConfig } from "./config.js";
import { createOpenCode } from "./engine.js";

export const enginePlugin: EnginePlugin<OpenCodeConfig> = {
  name: "opencode",
  // The version with which this engine was made and tested. The output of OpenCode is not documented, and it changes.
  minimumVersion: "1.18.33",
  define: defineOpenCode,

  async open({ bin: name, searchPath, envFile, ...profile }, context) {
    const bin = findExecutable(name, searchPath);
    if (bin === undefined) {
      const where = name.includes("/") ? "is not an executable file" : "is not on PATH";
      throw new Error(`the OpenCode CLI "${name}" ${where}: install it, or set CCSP_OPENCODE_BIN to its path`);
    }
    const declared = envFile ? await readEnvironmentFile(envFile, "CCSP_OPENCODE_ENV_FILE") : {};
    return createOpenCode({ bin, profile: { ...profile, declared }, context });
  },
};
