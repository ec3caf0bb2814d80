import { hostname, tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { type ServiceSettings, type Settings, serviceSettings } from "@ccsp/config";

export interface ExecutorConfig {
  readonly service: ServiceSettings;
  readonly queueTarget: string;
  readonly executorId: string;
  /** Belongs to this executor alone. */
  readonly dir: string;
  readonly slots: number;
  readonly drainMs: number;
  readonly supervision: {
    readonly wallMs: number;
    readonly silenceMs: number;
    readonly graceMs: number;
    readonly outputBytes: number;
    /** PATH of engines. */
    readonly path: string;
  };
  readonly claudeCode: ClaudeCodeConfig;
}

export interface ClaudeCodeConfig {
  readonly bin: string;
  /** Where a bare `bin` is looked for. */
  readonly searchPath: string;
  readonly home: string | undefined;
  readonly apiKey: string | undefined;
  readonly baseUrl: string | undefined;
  readonly envFile: string | undefined;
  readonly maxRetries: number;
}

/** What the queue accepts as a task's time. Past 24.8 days a Node timer would end at once. */
const LONGEST_MS = 24 * 60 * 60 * 1_000;
const STANDARD_PATH = ["/usr/local/bin", "/usr/bin", "/bin"];

/** Every setting of the executor. */
export function defineExecutor(settings: Settings): ExecutorConfig {
  const service = serviceSettings(settings, { name: "executor", grpcPort: 3002, opsPort: 9002 });
  const executorId = settings.text(
    "CCSP_EXECUTOR_ID",
    "name of this executor, the same after a restart and of no other executor; else the host name",
    {
      default: hostname()
        .replaceAll(/[^\w.-]/g, "-")
        .slice(0, 128),
      pattern: /^[A-Za-z0-9._-]{1,128}$/,
    },
  );
  const config = {
    service,
    queueTarget: settings.text("CCSP_QUEUE_TARGET", "gRPC target of the queue", { default: "consul:///queue" }),
    executorId,
    dir: settings.text("CCSP_EXECUTOR_DIR", "folder for the throwaway folders of runs, for this executor alone", {
      default: join(tmpdir(), `ccsp-executor-${executorId}`),
    }),
    slots: settings.integer("CCSP_EXECUTOR_SLOTS", "runs at once per engine", { default: 2, min: 1, max: 500 }),
    drainMs: settings.durationMs("CCSP_EXECUTOR_DRAIN", "how long runs may go on when the executor stops", {
      default: `${Math.floor(service.drainMs * 0.6)}ms`,
    }),
    supervision: defineSupervision(settings),
    claudeCode: defineClaudeCode(settings),
  };
  const { graceMs } = config.supervision;
  if (config.drainMs + graceMs > service.drainMs) {
    settings.warn(
      "CCSP_EXECUTOR_DRAIN and CCSP_EXECUTOR_KILL_GRACE together exceed CCSP_DRAIN_TIMEOUT: leases may end by time instead of being given back",
    );
  }
  return config;
}

function defineSupervision(settings: Settings): ExecutorConfig["supervision"] {
  const node = dirname(process.execPath);
  return {
    wallMs: settings.durationMs("CCSP_EXECUTOR_WALL_TIMEOUT", "time of a run whose task names none", {
      default: "1h",
      min: 1_000,
      max: LONGEST_MS,
    }),
    silenceMs: settings.durationMs("CCSP_EXECUTOR_SILENCE_TIMEOUT", "an engine that says nothing for so long hangs", {
      default: "10m",
      min: 100,
      max: LONGEST_MS,
    }),
    graceMs: settings.durationMs("CCSP_EXECUTOR_KILL_GRACE", "time between SIGTERM and SIGKILL to an engine", {
      default: "3s",
    }),
    // With the result's frame it has to fit into one message to the queue.
    outputBytes: settings.integer("CCSP_EXECUTOR_MAX_OUTPUT_BYTES", "most bytes that an engine may print in a run", {
      default: 8 * 1024 * 1024,
      min: 1_024,
      max: 11 * 1024 * 1024,
    }),
    path: settings.text("CCSP_EXECUTOR_PATH", "PATH of engines and their tools", {
      // Engines that are Node scripts need it, wherever it is.
      default: [...new Set([...STANDARD_PATH, node])].join(delimiter),
    }),
  };
}

function defineClaudeCode(settings: Settings): ClaudeCodeConfig {
  const config = {
    bin: settings.text("CCSP_CLAUDE_CODE_BIN", "the Claude Code CLI: a path, or a name to look for on PATH", {
      default: "claude",
    }),
    searchPath: settings.text("PATH", "where executables are looked for; engines do not get it", {
      default: STANDARD_PATH.join(delimiter),
    }),
    home: settings.optionalText(
      "CCSP_CLAUDE_CODE_HOME",
      "home folder that holds the CLI's login; unset: each run has a throwaway home",
    ),
    apiKey: settings.optionalText("CCSP_CLAUDE_CODE_API_KEY", "ANTHROPIC_API_KEY of the CLI", { secret: true }),
    baseUrl: settings.optionalText("CCSP_CLAUDE_CODE_BASE_URL", "ANTHROPIC_BASE_URL of the CLI", {
      pattern: /^https?:\/\/\S+$/,
    }),
    envFile: settings.optionalText(
      "CCSP_CLAUDE_CODE_ENV_FILE",
      "file of NAME=value lines: what else the CLI's environment holds, such as CLAUDE_CODE_OAUTH_TOKEN",
    ),
    maxRetries: settings.integer("CCSP_CLAUDE_CODE_MAX_RETRIES", "retries of the CLI itself; the queue retries too", {
      default: 2,
      max: 10,
    }),
  };
  if (config.home === undefined && config.apiKey === undefined && config.envFile === undefined) {
    settings.warn(
      "none of CCSP_CLAUDE_CODE_HOME, CCSP_CLAUDE_CODE_API_KEY and CCSP_CLAUDE_CODE_ENV_FILE is set: the CLI has no login",
    );
  }
  return config;
}
