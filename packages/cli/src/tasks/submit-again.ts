import { CcspError } from "@ccsp/client";
import { quoted } from "../output/shell-word.js";
import { printable } from "../process/printable.js";

/** A longer command is not shown again, because a person would not see the error above it. */
const LONGEST = 1_000;

/**
 * How to go on after a submission that failed although its task may be stored: the same command line with its request
 * id. Empty for other errors. `args` are those of the command that failed.
 */
export function submitAgain(error: unknown, args: readonly string[]): readonly string[] {
  const { requestId, mayHaveTakenEffect } = error instanceof CcspError ? error : {};
  if (requestId === undefined || !mayHaveTakenEffect) return [];
  const option = `--request-id ${quoted(requestId)}`;
  const why = "to get its task, and no second one, use the same input and";
  // The option stands after the name of the command, because the prompt may stand after `--`.
  const at = args.findIndex((arg) => !arg.startsWith("-")) + 1;
  const given = args.some((arg) => /^--request-id(=|$)/.test(arg));
  const [name, rest] = [args.slice(0, at), args.slice(at)].map((words) => words.map(quoted).join(" "));
  const command = `  ccsp ${name} ${given ? "" : `${option} `}${rest}`.trimEnd();
  const fits = command.length <= LONGEST && printable(command) === command;
  return fits ? [`${why} this command:`, command] : [`${why} the same command with ${option}`];
}
