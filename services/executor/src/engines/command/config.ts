import type { Settings } from "@ccsp/config";
import { searchPath } from "@ccsp/engine-kit";

export interface CommandConfig {
  /** The executable, then its arguments. */
  readonly line: readonly string[];
  readonly versionLine: readonly string[] | undefined;
  readonly envFile: string | undefined;
  /** PATH that is searched if the executable has no slash. */
  readonly searchPath: string;
}

const LINE = "CCSP_COMMAND_ENGINE_LINE";
const VERSION_LINE = "CCSP_COMMAND_ENGINE_VERSION_LINE";

/** Declares every setting of this engine. */
export function defineCommand(settings: Settings): CommandConfig {
  const line = settings.text(
    LINE,
    'command line that runs a task, as a JSON array such as ["my-agent","--quiet"]; the prompt comes on its standard input',
  );
  const versionLine = settings.optionalText(VERSION_LINE, "command line that prints its version, as a JSON array");
  return {
    line: line === "" ? [] : words(settings, LINE, line),
    versionLine: versionLine === undefined ? undefined : words(settings, VERSION_LINE, versionLine),
    envFile: settings.optionalText(
      "CCSP_COMMAND_ENGINE_ENV_FILE",
      "file of NAME=value lines with more variables of the command's environment, such as a key",
    ),
    searchPath: searchPath(settings),
  };
}

function words(settings: Settings, name: string, value: string): readonly string[] {
  try {
    const parsed: unknown = JSON.parse(value);
    if (Array.isArray(parsed) && parsed.length > 0 && parsed.every(isWord)) return parsed;
  } catch {
    // The fault below reports this too.
  }
  settings.fault(`${name} must be a JSON array of strings, the first of them an executable`);
  return [];
}

const isWord = (word: unknown): word is string => typeof word === "string" && word !== "" && !word.includes("\0");
