import { askedOptions, type EngineOptions, type PermissionMode, type RunRequest } from "@ccsp/engine-kit";

/** Where in the run's folder things are that the arguments name. */
export interface Places {
  /** Undefined when there is no system prompt. */
  readonly systemPrompt: string | undefined;
  /** Undefined when there are no files to read. */
  readonly files: string | undefined;
  /** Undefined when the run goes on from nothing. */
  readonly conversation: string | undefined;
}

/** What of a request the CLI has to be told when it starts. */
export interface FixedAtStart extends EngineOptions, Pick<RunRequest, "limits" | "permissionMode" | "conversation"> {}

/** The argument of each option; the system prompt goes by a file. */
const ARGUMENTS: Readonly<Record<Exclude<keyof EngineOptions, "systemPrompt">, string>> = {
  model: "--model",
  fallbackModels: "--fallback-model",
  // The first says which tools there are, the second which of them need no permission.
  availableTools: "--tools",
  allowedTools: "--allowedTools",
  deniedTools: "--disallowedTools",
};

/** The CLI's arguments. Everybody on the host can read them: the prompt goes by stdin, the system prompt by a file. */
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
    // What nobody goes on from need not be on a disk.
    ...(conversation ? [] : ["--no-session-persistence"]),
    ...(places.conversation ? [`--resume=${places.conversation}`] : []),
    ...(conversation?.fork ? ["--fork-session"] : []),
    ...(places.systemPrompt ? [`--append-system-prompt-file=${places.systemPrompt}`] : []),
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
  // 2.1.332 lists it as `manual` and takes this too; 2.1.197 takes this only.
  default: "default",
  "accept-edits": "acceptEdits",
  skip: "bypassPermissions",
};

/** The one line that the CLI reads from stdin. `notice` tells of files. */
export function userTurn(prompt: string, notice: string): string {
  const content = notice === "" ? prompt : [notice, prompt].map((text) => ({ type: "text", text }));
  return `${JSON.stringify({ type: "user", message: { role: "user", content } })}\n`;
}
