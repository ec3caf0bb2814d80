import type { Settings } from "@ccsp/config";
import { searchPath } from "@ccsp/engine-kit";

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

/** Every setting of this engine. */
export function defineClaudeCode(settings: Settings): ClaudeCodeConfig {
  const config = {
    bin: settings.text("CCSP_CLAUDE_CODE_BIN", "the Claude Code CLI: a path, or a name to look for on PATH", {
      default: "claude",
    }),
    searchPath: searchPath(settings),
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
