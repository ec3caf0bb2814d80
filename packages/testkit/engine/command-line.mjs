/** The version that this stand-in reports. It copies the behaviour of this version. */
export const VERSION = "2.1.197";

export class CommandLineError extends Error {}

const SWITCHES = new Set([
  "-p",
  "--print",
  "--verbose",
  "--include-partial-messages",
  "--replay-user-messages",
  "--fork-session",
  "--no-session-persistence",
  "--bare",
  "--continue",
  "--dangerously-skip-permissions",
  "--strict-mcp-config",
  "--version",
  "-v",
  "--help",
]);

const WITH_VALUE = new Set([
  "--output-format",
  "--input-format",
  "--model",
  "--fallback-model",
  "--system-prompt",
  "--append-system-prompt",
  "--append-system-prompt-file",
  "--permission-mode",
  "--max-budget-usd",
  "--max-turns",
  "--resume",
  "--session-id",
  "--json-schema",
  "--settings",
  "--setting-sources",
]);

/** These flags take all values up to the next flag. */
const WITH_LIST = new Set([
  "--allowedTools",
  "--allowed-tools",
  "--disallowedTools",
  "--disallowed-tools",
  "--mcp-config",
  "--add-dir",
  "--tools",
]);

/** The text of `--help`: every flag. */
export const HELP = [...SWITCHES, ...WITH_VALUE, ...WITH_LIST].join("\n");

/** Reads the flags. It refuses an unknown flag, as the real CLI does. */
export function readCommandLine(argv) {
  const seen = new Map();
  let prompt;
  for (let i = 0; i < argv.length; i++) {
    const [flag, inline] = splitFlag(argv[i]);
    if (!flag.startsWith("-")) prompt = argv[i];
    else if (SWITCHES.has(flag)) seen.set(flag, true);
    else if (WITH_VALUE.has(flag)) seen.set(flag, inline ?? argv[++i]);
    else if (WITH_LIST.has(flag)) {
      if (inline === undefined) while (argv[i + 1]?.startsWith("-") === false) i++;
    } else throw new CommandLineError(`error: unknown option '${flag}'`);
  }
  const outputFormat = seen.get("--output-format") ?? "text";
  if (outputFormat === "stream-json" && !seen.has("--verbose")) {
    throw new CommandLineError("Error: When using --print, --output-format=stream-json requires --verbose");
  }
  return {
    argv,
    prompt,
    version: seen.has("--version") || seen.has("-v"),
    help: seen.has("--help"),
    inputFormat: seen.get("--input-format") ?? "text",
    outputFormat,
    partial: seen.has("--include-partial-messages"),
    model: ALIASES[seen.get("--model")] ?? seen.get("--model") ?? "claude-opus-4-8",
    resume: seen.get("--resume"),
    sessionId: seen.get("--session-id"),
    fork: seen.has("--fork-session"),
    persistent: !seen.has("--no-session-persistence"),
  };
}

/** The CLI reports the model that an alias means. */
const ALIASES = { sonnet: "claude-sonnet-4-6" };

function splitFlag(argument) {
  const match = /^(--[^=]+)=(.*)$/s.exec(argument);
  return match ? [match[1], match[2]] : [argument, undefined];
}
