import {
  askOptions,
  askVersion,
  type Engine,
  type EngineContext,
  followRun,
  inFolder,
  OPTION_PARTS,
  openFolder,
  type RunFolder,
  runOptions,
} from "@ccsp/engine-kit";
import { createCliOptions } from "./cli-options.js";
import { userTurn } from "./command-line.js";
import { forgetWorkingFolder, readConversation, resolveConfigFolder } from "./conversation.js";
import {
  type ClaudeCodeProfile,
  configFolder,
  credentialsFile,
  environment,
  ownConfig,
  ownProjects,
  sharedConfigFolder,
} from "./environment.js";
import { createLogin } from "./login.js";
import { preparation, warmKey } from "./preparation.js";
import { brokered } from "./provider.js";
import { RULES } from "./rules.js";
import { createTranscriptReader } from "./transcript.js";

export interface ClaudeCodeOptions {
  /** Absolute path of the CLI. */
  readonly bin: string;
  readonly profile: ClaudeCodeProfile;
  /** Undefined: the account has no name. */
  readonly account: string | undefined;
  readonly context: EngineContext;
}

/** Creates the engine of the Claude Code CLI. It starts one process per run. */
export function createClaudeCode({ bin, profile, account, context }: ClaudeCodeOptions): Engine {
  const { supervisor } = context;
  const asNamed = sharedConfigFolder(profile);
  const shared = asNamed && resolveConfigFolder(asNamed);
  // A process that says something of itself asks no provider.
  const asking = (folder: RunFolder, brokers: boolean) =>
    environment(profile, folder, brokers ? brokered(profile)?.placeholders : undefined);
  const options = createCliOptions(() =>
    askOptions(supervisor, {
      command: bin,
      prepare: async (folder, brokers) => ({ args: ["--help"], env: asking(folder, brokers) }),
    }),
  );
  const login = createLogin({ file: shared && credentialsFile(profile, shared) });
  return {
    name: "claude-code",
    provider: "anthropic",
    account,
    brokered: brokered(profile) !== undefined,
    capabilities: {
      streaming: true,
      usage: true,
      takes: [
        ...OPTION_PARTS,
        ...(["conversation", "attachments", "include_files", "working_folder", "permission_mode"] as const),
        ...(["limits.turns", "limits.budget_usd"] as const),
      ],
    },

    version: () =>
      askVersion(supervisor, {
        command: bin,
        prepare: async (folder, brokers) => ({ args: ["--version"], env: asking(folder, brokers) }),
      }),

    async start(request) {
      const reader = createTranscriptReader();
      const turn = await login.turn(request.unwanted);
      const starting = supervisor.start({
        ...runOptions(request),
        command: bin,
        prepare: preparation({ profile, options, log: context.log }, request),
        input: userTurn(request.prompt, ""),
        warmKey: warmKey(profile, request),
        async collect(folder) {
          const { ending, conversationId, version } = reader.transcript;
          options.ran(version);
          try {
            if (request.conversation && ending?.ok && conversationId !== undefined) {
              // Only a sandbox makes the run's own folder. Then the shared one has conversations of others only.
              const own = await inFolder(openFolder(ownProjects(folder)), async () => ownConfig(folder));
              const config = own ?? shared ?? configFolder(profile, folder);
              reader.transcript.kept = await readConversation(folder, config, conversationId);
            }
          } finally {
            if (shared && request.workingFolder === undefined) await forgetWorkingFolder(shared, folder.work);
          }
        },
      });
      // A run may end without a sign that its login works, or it may not start. Then the turn passes to the next run
      // here.
      if (turn) starting.then((run) => run.exited).then(turn.end, turn.end);
      const followed = turn?.watch(reader) ?? reader;
      return followRun(await starting, { request, reader: followed, rules: RULES, context });
    },
  };
}
