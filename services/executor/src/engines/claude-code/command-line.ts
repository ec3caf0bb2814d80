import type { RunRequest } from "@ccsp/engine-kit";

/**
 * The CLI's arguments. Everybody on the host can read them: the prompt goes by stdin, the system prompt by a file.
 * `systemPromptFile`: undefined when there is none.
 */
export function commandLine(
  request: Pick<RunRequest, "model" | "limits">,
  systemPromptFile: string | undefined,
): readonly string[] {
  const { model, limits } = request;
  return [
    "-p",
    ...["--input-format", "stream-json"],
    ...["--output-format", "stream-json", "--verbose", "--include-partial-messages"],
    ...(model ? [`--model=${model}`] : []),
    ...(systemPromptFile ? [`--append-system-prompt-file=${systemPromptFile}`] : []),
    ...(limits.turns ? [`--max-turns=${limits.turns}`] : []),
    ...(limits.budgetUsd ? [`--max-budget-usd=${limits.budgetUsd}`] : []),
  ];
}

/** The one line that the CLI reads from stdin. */
export const userTurn = (prompt: string): string =>
  `${JSON.stringify({ type: "user", message: { role: "user", content: prompt } })}\n`;
