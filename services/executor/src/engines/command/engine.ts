import { isAbsolute } from "node:path";
import { askVersion, ENDINGS, type Engine, type EngineContext, followRun, runOptions } from "@ccsp/engine-kit";
import { createTextReader } from "./text-reader.js";

export interface CommandLine {
  /** Absolute path. */
  readonly command: string;
  readonly args: readonly string[];
}

export interface CommandOptions {
  readonly line: CommandLine;
  readonly versionLine: CommandLine | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly context: EngineContext;
}

/**
 * An engine that runs the operator's command line. The command reads the prompt from stdin to its end. Its output is
 * the answer, unchanged. Exit code 0 means that the answer is complete.
 */
export function createCommand({ line, versionLine, env, context }: CommandOptions): Engine {
  const { supervisor } = context;
  // Scripts that the operator names as arguments of an interpreter.
  const access = (args: readonly string[]) => ({ reads: args.filter((arg) => isAbsolute(arg)) });
  const prepared = ({ command, args }: CommandLine) => ({
    command,
    prepare: async () => ({ args, env, access: access(args) }),
  });
  return {
    name: "command",
    capabilities: { streaming: true, usage: false, takes: ["working_folder"] },

    version: async () => (versionLine ? await askVersion(supervisor, prepared(versionLine)) : ""),

    async start(request) {
      const run = await supervisor.start({ ...runOptions(request), ...prepared(line), input: request.prompt });
      run.endInput(request.limits.wallMs);
      return followRun(run, { request, reader: createTextReader(), rules: ENDINGS, context, cut: "chunks" });
    },
  };
}
