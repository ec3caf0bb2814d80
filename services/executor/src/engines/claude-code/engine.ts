import {
  askOptions,
  askVersion,
  type Engine,
  type EngineContext,
  followRun,
  inFolder,
  OPTION_PARTS,
  openFolder,
  promptOnly,
  type RunFolder,
  type RunRequest,
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

const HI = promptOnly("Hi");
const HI_LIMITS = { wallMs: 60_000, outputBytes: 64 * 1024, turns: 1, budgetUsd: undefined };

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
  let refreshes = 0n;
  /** A run of the CLI that has the login itself, and only a prompt of ours. */
  const refresh = async (): Promise<void> => {
    const request: RunRequest = { ...HI, taskId: "login", fence: ++refreshes, limits: HI_LIMITS };
    try {
      const prepare = preparation({ profile, options, login, log: context.log }, request);
      const run = await supervisor.start({
        ...runOptions(request),
        command: bin,
        prepare: (folder) => prepare(folder, false),
        input: userTurn(request.prompt, ""),
      });
      const { events, outcome } = followRun(run, {
        ...{ request, rules: RULES, context },
        reader: createTranscriptReader(),
      });
      for await (const _event of events) continue;
      const ended = await outcome;
      const failure = ended.ok ? undefined : ended.failure.category;
      context.log.info({ failure }, "the CLI was started to refresh its login");
    } catch (err) {
      context.log.error({ err }, "the CLI could not be started to refresh its login");
    }
  };
  const login = createLogin({ file: shared && credentialsFile(profile, shared), refresh });
  // A process that says something of itself asks no provider.
  const asking = (folder: RunFolder, brokers: boolean) =>
    environment(profile, folder, brokers ? brokered(profile, login)?.placeholders : undefined);
  const options = createCliOptions(() =>
    askOptions(supervisor, {
      command: bin,
      prepare: async (folder, brokers) => ({ args: ["--help"], env: asking(folder, brokers) }),
    }),
  );
  return {
    name: "claude-code",
    provider: "anthropic",
    account,
    brokered: brokered(profile, login) !== undefined,
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
        prepare: preparation({ profile, options, login, log: context.log }, request),
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
