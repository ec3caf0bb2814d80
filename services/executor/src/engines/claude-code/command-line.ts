import type { PermissionMode, RunRequest } from "@ccsp/engine-kit";

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
export type FixedAtStart = Pick<
  RunRequest,
  | "model"
  | "fallbackModels"
  | "limits"
  | "availableTools"
  | "allowedTools"
  | "deniedTools"
  | "permissionMode"
  | "conversation"
  | "systemPrompt"
>;

/** The CLI's arguments. Everybody on the host can read them: the prompt goes by stdin, the system prompt by a file. */
export function commandLine(request: FixedAtStart, places: Places): readonly string[] {
  const { model, fallbackModels, limits, permissionMode, conversation } = request;
  const { availableTools, allowedTools, deniedTools } = request;
  return [
    "-p",
    ...["--input-format", "stream-json"],
    ...["--output-format", "stream-json", "--verbose", "--include-partial-messages"],
    `--permission-mode=${MODES[permissionMode]}`,
    // What nobody goes on from need not be on a disk.
    ...(conversation ? [] : ["--no-session-persistence"]),
    ...(places.conversation ? [`--resume=${places.conversation}`] : []),
    ...(conversation?.fork ? ["--fork-session"] : []),
    ...(model ? [`--model=${model}`] : []),
    ...(fallbackModels.length > 0 ? [`--fallback-model=${fallbackModels.join(",")}`] : []),
    ...(places.systemPrompt ? [`--append-system-prompt-file=${places.systemPrompt}`] : []),
    ...(places.files ? [`--add-dir=${places.files}`] : []),
    // The first says which tools there are, the second which of them need no permission.
    ...(availableTools.length > 0 ? [`--tools=${availableTools.join(",")}`] : []),
    ...(allowedTools.length > 0 ? [`--allowedTools=${allowedTools.join(",")}`] : []),
    ...(deniedTools.length > 0 ? [`--disallowedTools=${deniedTools.join(",")}`] : []),
    ...(limits.turns ? [`--max-turns=${limits.turns}`] : []),
    ...(limits.budgetUsd ? [`--max-budget-usd=${limits.budgetUsd}`] : []),
  ];
}

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
