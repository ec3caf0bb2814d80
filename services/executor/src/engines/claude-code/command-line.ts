import { askedOptions, type EngineOptions, type PermissionMode, type RunRequest } from "@ccsp/engine-kit";

/** What the arguments need besides the request: paths in the run's folder, and what holds for this CLI. */
export interface Places {
  /** Undefined if there is no system prompt. */
  readonly systemPrompt: string | undefined;
  /** Undefined if there are no files to read. */
  readonly files: string | undefined;
  /** Undefined if the run does not continue a conversation. */
  readonly conversation: string | undefined;
  /** The CLI would use the system prompt of the conversation's first turn again, and has an option against that. */
  readonly recordsSystemPrompt: boolean;
  /** The settings of the working folder count, with all that they start. */
  readonly projectSettings: boolean;
  /** A file with settings of this run. Undefined if there are none. */
  readonly settings: string | undefined;
}

/** The parts of a request that the CLI must know when it starts. */
export interface FixedAtStart extends EngineOptions, Pick<RunRequest, "limits" | "permissionMode" | "conversation"> {}

/** The CLI argument for each option. A file passes the system prompt instead. */
const ARGUMENTS: Readonly<Record<Exclude<keyof EngineOptions, "systemPrompt">, string>> = {
  model: "--model",
  fallbackModels: "--fallback-model",
  // `--tools` lists the tools that exist. `--allowedTools` lists the tools that need no permission.
  availableTools: "--tools",
  allowedTools: "--allowedTools",
  deniedTools: "--disallowedTools",
};

/**
 * The CLI's arguments. Every user of the host can read them. So stdin passes the prompt and a file passes the system
 * prompt.
 */
export function commandLine(request: FixedAtStart, places: Places): readonly string[] {
  const { limits, permissionMode, conversation } = request;
  return [
    "-p",
    "--input-format",
    "stream-json",
    "--output-format",
    "stream-json",
    "--verbose",
    "--include-partial-messages",
    `--permission-mode=${MODES[permissionMode]}`,
    // No later run continues this one. So the CLI need not write the session to disk.
    ...(conversation ? [] : ["--no-session-persistence"]),
    ...(places.conversation ? [`--resume=${places.conversation}`] : []),
    ...(conversation?.fork ? ["--fork-session"] : []),
    ...(places.recordsSystemPrompt ? ["--system-prompt-snapshot=off"] : []),
    ...(places.systemPrompt ? [`--append-system-prompt-file=${places.systemPrompt}`] : []),
    // Without this, a working folder brings hooks, helpers and servers, which run whatever tools the task may use.
    ...(places.projectSettings ? [] : ["--setting-sources=user"]),
    ...(places.settings ? [`--settings=${places.settings}`] : []),
    ...(places.files ? [`--add-dir=${places.files}`] : []),
    ...optionArguments(request),
    ...(limits.turns ? [`--max-turns=${limits.turns}`] : []),
    ...(limits.budgetUsd ? [`--max-budget-usd=${limits.budgetUsd}`] : []),
  ];
}

const optionArguments = (options: EngineOptions): readonly string[] =>
  askedOptions(options).flatMap(([option, value]) =>
    option === "systemPrompt" ? [] : [`${ARGUMENTS[option]}=${[value].flat().join(",")}`],
  );

const MODES: Readonly<Record<PermissionMode, string>> = {
  plan: "plan",
  // CLI 2.1.332 lists this mode as `manual` and also accepts `default`. CLI 2.1.197 accepts only `default`.
  default: "default",
  "accept-edits": "acceptEdits",
  skip: "bypassPermissions",
};

/** The only line that the CLI reads from stdin. `notice` names the files of the request; empty: there are none. */
export function userTurn(prompt: string, notice: string): string {
  const content = notice === "" ? prompt : [notice, prompt].map((text) => ({ type: "text", text }));
  return `${JSON.stringify({ type: "user", message: { role: "user", content } })}\n`;
}
