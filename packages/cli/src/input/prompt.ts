import type { Command } from "commander";
import { CliError, EXIT } from "../process/exit.js";
import type { Io } from "../process/io.js";
import { readBytes, readInputFile, textOf } from "./read-input.js";

export const PROMPT_ARGUMENT = "the prompt; - or none reads standard input";

export function withPromptFile(command: Command): Command {
  return command.option("--prompt-file <path>", "read the prompt from this file; - is standard input");
}

export interface PromptSources {
  readonly argument: string | undefined;
  readonly promptFile: string | undefined;
}

/**
 * The prompt from its one source: the argument, the file, or standard input when `-` names it or nothing else is given.
 * An argument is the whole prompt, so standard input is not read then. Throws an error when there are two sources, or
 * none, or when the prompt is empty.
 */
export async function readPrompt(io: Io, { argument, promptFile }: PromptSources): Promise<string> {
  if (argument !== undefined && promptFile !== undefined) {
    throw new CliError(
      EXIT.usage,
      `--prompt-file ${promptFile}: there is a prompt among the arguments too; give one of the two`,
    );
  }
  const source = argument ?? promptFile;
  if (source === "-") return fromStdin(io);
  if (argument !== undefined) return textOf(Buffer.from(argument), "the prompt");
  if (promptFile !== undefined) {
    return textOf(await readInputFile("--prompt-file", promptFile), `--prompt-file ${promptFile}`);
  }
  if (io.stdin.isTTY) throw missing("");
  return fromStdin(io);
}

const STDIN = "the prompt on standard input";

async function fromStdin({ stdin }: Io): Promise<string> {
  const bytes = await readBytes(stdin, STDIN);
  if (bytes.byteLength === 0) throw missing(": standard input is empty");
  return textOf(bytes, STDIN);
}

const missing = (why: string): CliError =>
  new CliError(
    EXIT.usage,
    `there is no prompt${why}; give it as the argument, with --prompt-file, or on standard input (see --help)`,
  );
