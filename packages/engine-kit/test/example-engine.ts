import {
  askVersion,
  ENDINGS,
  type EnginePlugin,
  emptyTranscript,
  findExecutable,
  followRun,
  parseObject,
  type Rule,
  type RunReader,
  runOptions,
  searchPath,
  textAt,
} from "@ccsp/engine-kit";

export const enginePlugin: EnginePlugin<{ readonly bin: string; readonly path: string }> = {
  name: "my-agent", // the value of `engine` in tasks
  minimumVersion: "1.4.0",

  // Pure. Names begin with CCSP_<ENGINE>_. Faults and warnings are collected: settings.fault(…), settings.warn(…).
  define: (settings) => ({
    bin: settings.text("CCSP_MY_AGENT_BIN", "the CLI: a path, or a name to look for on PATH", { default: "my-agent" }),
    path: searchPath(settings),
  }),

  async open({ bin, path }, context) {
    const command = findExecutable(bin, path);
    if (command === undefined) throw new Error(`there is no "${bin}": install it, or set CCSP_MY_AGENT_BIN`);
    return {
      name: "my-agent",
      capabilities: { streaming: true, usage: false, takes: ["model"] },
      version: () =>
        askVersion(context.supervisor, { command, prepare: async () => ({ args: ["--version"], env: {} }) }),
      async start(request) {
        const run = await context.supervisor.start({
          ...runOptions(request),
          command,
          // Every user of the host can read the arguments. Write large or private data into the run's folder,
          // which `prepare` gets.
          prepare: async () => ({ args: ["--json", ...(request.model ? [`--model=${request.model}`] : [])], env: {} }),
          input: request.prompt,
        });
        run.endInput(request.limits.wallMs); // it reads its input to the end before it begins
        return followRun(run, { request, reader: createReader(), rules: RULES, context });
      },
    };
  },
};

const RULES: readonly Rule<"code">[] = [
  { when: { words: { code: ["no_login"] } }, category: "SESSION_TIMEOUT", message: "the engine is not logged in" },
  { when: { status: [429] }, category: "RATE_LIMIT", message: "the provider limits the rate of requests (429)" },
  ...ENDINGS,
];

function createReader(): RunReader<"code"> {
  const transcript = emptyTranscript<"code">();
  return {
    transcript,
    read(bytes) {
      const line = parseObject(bytes);
      switch (textAt(line, "type") ?? "") {
        case "text":
          transcript.worked = true;
          return [{ type: "text", text: textAt(line, "text") ?? "" }];
        case "end":
          transcript.words = { code: textAt(line, "error") };
          transcript.ending = { ok: textAt(line, "error") === undefined, text: textAt(line, "answer") ?? "", turns: 1 };
          return [];
        default:
          return undefined; // counted, and skipped
      }
    },
  };
}
