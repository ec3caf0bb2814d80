import assert from "node:assert/strict";
import { Command } from "commander";
import { COMMANDS } from "../src/command-table.js";
import { memoryIo } from "./memory-io.js";

/** What a command got. */
export interface Parsed {
  readonly options: Readonly<Record<string, unknown>>;
  readonly operands: readonly unknown[];
}

/** The program with the commands that begin with this word, or with all. */
export async function program(word?: string): Promise<Command> {
  const root = new Command("ccsp").enablePositionalOptions();
  for (const entry of Object.values(COMMANDS).flat()) {
    if (word === undefined || entry.term.split(" ")[0] === word)
      root.addCommand(await entry.load(memoryIo().io, () => {}));
  }
  return root;
}

/** The command that these words begin with, and what follows its name. Undefined: there is no such command. */
export function commandOf(
  root: Command,
  words: readonly string[],
): { command: Command; rest: readonly string[] } | undefined {
  const found = root.commands.find((sub) => sub.name() === words[0]);
  if (!found) return undefined;
  return commandOf(found, words.slice(1)) ?? { command: found, rest: words.slice(1) };
}

/** Reads a command line, and runs nothing. It rejects as the command would. */
export async function parse(words: readonly string[]): Promise<Parsed> {
  const root = await program(words[0]);
  const { command } = commandOf(root, words) ?? assert.fail(`there is no command ${words.join(" ")}`);
  let parsed: Parsed = { options: {}, operands: [] };
  command.exitOverride().configureOutput({ writeErr: () => {} });
  command.action(() => {
    parsed = { options: command.opts(), operands: command.processedArgs };
  });
  await root.parseAsync([...words], { from: "user" });
  return parsed;
}
