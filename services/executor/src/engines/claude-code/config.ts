import type { Settings } from "@ccsp/config";
import { searchPath } from "@ccsp/engine-kit";

export interface ClaudeCodeConfig {
  readonly bin: string;
  /** PATH that is searched if `bin` has no slash. */
  readonly searchPath: string;
  readonly home: string | undefined;
  readonly apiKey: string | undefined;
  readonly baseUrl: string | undefined;
  readonly envFile: string | undefined;
  /** Variables of the executor's own environment that the CLI gets. */
  readonly env: Readonly<Record<string, string>>;
  readonly account: string | undefined;
  readonly maxRetries: number;
}

/** Declares every setting of this engine. */
export function defineClaudeCode(settings: Settings): ClaudeCodeConfig {
  const config = {
    bin: settings.text("CCSP_CLAUDE_CODE_BIN", "the Claude Code CLI: a path, or a name to look for on PATH", {
      default: "claude",
    }),
    searchPath: searchPath(settings),
    home: settings.optionalText(
      "CCSP_CLAUDE_CODE_HOME",
      "home folder that holds the CLI's login; unset: each run has a temporary home",
      { pattern: /^\//, form: "an absolute path" },
    ),
    apiKey: settings.optionalText("CCSP_CLAUDE_CODE_API_KEY", "ANTHROPIC_API_KEY of the CLI", { secret: true }),
    baseUrl: settings.optionalText("CCSP_CLAUDE_CODE_BASE_URL", "ANTHROPIC_BASE_URL of the CLI", {
      pattern: /^https?:\/\/\S+$/,
      form: "an http or https URL",
    }),
    envFile: settings.optionalText(
      "CCSP_CLAUDE_CODE_ENV_FILE",
      "file of NAME=value lines with more variables of the CLI's environment, such as CLAUDE_CODE_OAUTH_TOKEN",
    ),
    env: passedOn(settings),
    account: settings.optionalText(
      "CCSP_CLAUDE_CODE_ACCOUNT",
      "name of this login's account, if executors have several accounts; each has its own usage windows and limits",
      { pattern: /^[A-Za-z0-9._@-]{1,128}$/, form: "at most 128 letters, digits and ._@-" },
    ),
    maxRetries: settings.integer("CCSP_CLAUDE_CODE_MAX_RETRIES", "retries of the CLI itself; the queue retries too", {
      default: 2,
      max: 10,
    }),
  };
  const { home, apiKey, envFile, env } = config;
  if (home === undefined && apiKey === undefined && envFile === undefined && Object.keys(env).length === 0) {
    settings.warn(
      "none of CCSP_CLAUDE_CODE_HOME, CCSP_CLAUDE_CODE_API_KEY, CCSP_CLAUDE_CODE_ENV_FILE and CCSP_CLAUDE_CODE_ENV is set: the CLI has no login",
    );
  }
  return config;
}

/** Reports a fault for a listed name that is not set. Otherwise, a missing login would show only when a run fails. */
function passedOn(settings: Settings): Readonly<Record<string, string>> {
  const names = settings.list(
    "CCSP_CLAUDE_CODE_ENV",
    "names of variables of the executor's own environment that the CLI gets too, such as CLAUDE_CODE_OAUTH_TOKEN",
    {
      default: [],
      pattern: /^(?!CCSP_)[A-Za-z_][A-Za-z0-9_]*$/,
      form: "names with commas between them; none begins with CCSP_",
    },
  );
  const passed = names.flatMap((name) => {
    const value = settings.optionalText(name, "passed on to Claude Code because CCSP_CLAUDE_CODE_ENV names it", {
      secret: true,
    });
    if (value === undefined) settings.fault(`CCSP_CLAUDE_CODE_ENV lists ${name}, which is not set`);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(passed);
}
