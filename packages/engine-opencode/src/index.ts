import { type EnginePlugin, findExecutable, readEnvironmentFile } from "@ccsp/engine-kit";
import { defineOpenCode, type OpenCodeConfig } from "./config.js";
import { createOpenCode } from "./engine.js";

/** The OpenCode CLI. */
export const enginePlugin: EnginePlugin<OpenCodeConfig> = {
  name: "opencode",
  // The one that this was made and tested with: what it prints is not documented and changes.
  minimumVersion: "1.18.33",
  define: defineOpenCode,

  async open({ bin: name, searchPath, envFile, ...profile }, context) {
    const bin = findExecutable(name, searchPath);
    if (bin === undefined) {
      const where = name.includes("/") ? "is no executable file" : "is not on PATH";
      throw new Error(`the OpenCode CLI "${name}" ${where}: install it, or set CCSP_OPENCODE_BIN to its path`);
    }
    const declared = envFile ? await readEnvironmentFile(envFile) : {};
    return createOpenCode({ bin, profile: { ...profile, declared }, context });
  },
};
