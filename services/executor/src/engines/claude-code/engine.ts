import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { askVersion, type Engine, type EngineContext, followRun, runOptions, writeFiles } from "@ccsp/engine-kit";
import { commandLine, userTurn } from "./command-line.js";
import { type ClaudeCodeProfile, environment } from "./environment.js";
import { RULES } from "./rules.js";
import { createTranscriptReader } from "./transcript.js";

export interface ClaudeCodeOptions {
  /** Absolute path of the CLI. */
  readonly bin: string;
  readonly profile: ClaudeCodeProfile;
  readonly context: EngineContext;
}

/** The Claude Code CLI, one process per run. */
export function createClaudeCode({ bin, profile, context }: ClaudeCodeOptions): Engine {
  const { supervisor } = context;
  return {
    name: "claude-code",
    capabilities: {
      streaming: true,
      usage: true,
      takes: [
        ...(["model", "fallback_models", "system_prompt", "attachments", "include_files", "working_folder"] as const),
        ...(["allowed_tools", "denied_tools", "permission_mode", "limits.turns", "limits.budget_usd"] as const),
      ],
    },

    version: () =>
      askVersion(supervisor, {
        command: bin,
        prepare: async (folder) => ({ args: ["--version"], env: environment(profile, folder) }),
      }),

    async start(request) {
      const run = await supervisor.start({
        ...runOptions(request),
        command: bin,
        async prepare(folder) {
          const systemPrompt = request.systemPrompt ? join(folder.path, "system-prompt.txt") : undefined;
          if (systemPrompt) await writeFile(systemPrompt, request.systemPrompt, { mode: 0o600 });
          const { folder: files, notice } = await writeFiles(folder, request.files);
          return {
            args: commandLine(request, { systemPrompt, files }),
            env: environment(profile, folder),
            input: userTurn(request.prompt, notice),
          };
        },
        input: "",
      });
      return followRun(run, { request, reader: createTranscriptReader(), rules: RULES, context });
    },
  };
}
