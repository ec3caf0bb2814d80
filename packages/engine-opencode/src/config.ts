import type { Settings } from "@ccsp/config";
import { searchPath } from "@ccsp/engine-kit";

export interface OpenCodeConfig {
  readonly bin: string;
  /** The folders in which a `bin` without a path is searched. */
  readonly searchPath: string;
  /** `<provider>/<model>` for tasks that name no model. */
  readonly model: string;
  readonly baseUrl: string | undefined;
  readonly apiKey: string | undefined;
  readonly envFile: string | undefined;
  /** What runs may use. `*`: everything. */
  readonly tools: readonly string[];
  readonly maxRetries: number;
  readonly modelsFile: string | undefined;
}

export function defineOpenCode(settings: Settings): OpenCodeConfig {
  const config = {
    bin: settings.text("CCSP_OPENCODE_BIN", "the OpenCode CLI: a path, or a name to look for on PATH", {
      default: "opencode",
    }),
    searchPath: searchPath(settings),
    model: settings.text("CCSP_OPENCODE_MODEL", "provider/model of tasks that name none", {
      default: "anthropic/claude-sonnet-4-5",
      pattern: /^[^/\s]+\/\S+$/,
      form: "provider/model",
    }),
    baseUrl: settings.optionalText(
      "CCSP_OPENCODE_BASE_URL",
      "baseURL of that model's provider, as OpenCode wants it: https://api.anthropic.com/v1, say",
      { pattern: /^https?:\/\/\S+$/, form: "an http or https URL" },
    ),
    apiKey: settings.optionalText("CCSP_OPENCODE_API_KEY", "apiKey of that model's provider", { secret: true }),
    envFile: settings.optionalText(
      "CCSP_OPENCODE_ENV_FILE",
      "file of NAME=value lines with more variables of the CLI's environment, such as keys of other providers",
    ),
    tools: settings.list(
      "CCSP_OPENCODE_TOOLS",
      "OpenCode's permissions that runs have, such as read,edit,bash,webfetch; * for all; all others are denied without a question",
      {
        default: ["read", "glob", "grep", "list"],
        pattern: /^(\*|[a-z_]+)$/,
        form: "names with commas between them, or *",
      },
    ),
    maxRetries: settings.integer("CCSP_OPENCODE_MAX_RETRIES", "retries of the CLI itself; the queue retries too", {
      default: 2,
      max: 5,
    }),
    modelsFile: settings.optionalText(
      "CCSP_OPENCODE_MODELS_FILE",
      "models and prices in the format of models.dev, in place of those that OpenCode was built with",
      { pattern: /^\//, form: "an absolute path" },
    ),
  };
  if (config.apiKey === undefined && config.envFile === undefined) {
    settings.warn("neither CCSP_OPENCODE_API_KEY nor CCSP_OPENCODE_ENV_FILE is set: OpenCode has no login");
  }
  return config;
}
