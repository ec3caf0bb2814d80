import { Readable, Writable } from "node:stream";
import { within } from "@ccsp/timing";
import type { Argument, Command, Option } from "commander";
import type { Io } from "../process/io.js";
import { type CommandLine, readCommandLine } from "./command-line.js";
import type { Source, Suggestion } from "./sources.js";

export interface Answer {
  readonly suggestions: readonly Suggestion[];
  /** The shell should also complete names of files. */
  readonly files: boolean;
}

const NOTHING: Answer = { suggestions: [], files: false };
/** A person waits for the shell. */
const LIMIT_MS = 1_000;

/**
 * What may stand at the cursor, in the order in which it should be shown. Everything comes from the commands as they
 * are defined, and from the fleet. Answers within `limitMs` (1 s). Never throws, and says nothing when the fleet does
 * not answer.
 */
export async function suggest(
  program: Command,
  words: readonly string[],
  { io, limitMs = LIMIT_MS }: { readonly io: Io; readonly limitMs?: number | undefined },
): Promise<Answer> {
  const line = readCommandLine(program, words);
  const { suggestions, files } = await candidates(line, { io: silent(io), limitMs });
  const { current } = line;
  const seen = new Set<string>();
  const fitting = suggestions.filter(({ value }) => {
    const isNew = !seen.has(value);
    seen.add(value);
    return isNew && value.startsWith(current);
  });
  return { suggestions: fitting, files };
}

interface Limits {
  readonly io: Io;
  readonly limitMs: number;
}

async function candidates(line: CommandLine, limits: Limits): Promise<Answer> {
  const { command, current, option, argument, onlyArguments } = line;
  if (option) {
    const { suggestions, files } = await valuesOf(option.option, keysOfOption(option.option), { line, ...limits });
    return { files, suggestions: suggestions.map((each) => ({ ...each, value: option.prefix + each.value })) };
  }
  if (!onlyArguments && current.startsWith("-")) return { suggestions: optionsOf(command), files: false };
  const subcommands = line.atSubcommand ? subcommandsOf(command) : [];
  const values = argument ? await valuesOf(argument, keysOfArgument(command, argument), { line, ...limits }) : NOTHING;
  const found = [...subcommands, ...values.suggestions];
  // A command that takes no more arguments can only get options. An unknown command gets nothing.
  const onlyOptions = found.length === 0 && !argument && !onlyArguments;
  if (onlyOptions && (line.atSubcommand || command.commands.length === 0))
    return { suggestions: optionsOf(command), files: false };
  return { suggestions: found, files: values.files };
}

function subcommandsOf(command: Command): Suggestion[] {
  if (command.commands.length === 0) return [];
  const visible = command.createHelp().visibleCommands(command);
  return visible.map((each) => ({ value: each.name(), description: each.description() }));
}

function optionsOf(command: Command): Suggestion[] {
  const visible = command.createHelp().visibleOptions(command);
  return visible.map(({ long, short, description }) => ({ value: long ?? short ?? "", description }));
}

const wordOf = (flags: string): string => /[<[]([^>\].]+)/.exec(flags)?.[1] ?? "";

const keysOfOption = ({ long, flags }: Option): readonly string[] => [long ?? "", wordOf(flags)];

function keysOfArgument(command: Command, argument: Argument): readonly string[] {
  const path = [command.name(), argument.name()];
  for (let parent = command.parent; parent?.parent; parent = parent.parent) path.unshift(parent.name());
  return [path.join(" "), argument.name()];
}

/** The choices of the definition, else those of the table. */
async function valuesOf(
  { argChoices, parseArg }: Option | Argument,
  keys: readonly string[],
  { line, io, limitMs }: Limits & { readonly line: CommandLine },
): Promise<Answer> {
  const choices = argChoices ?? choicesOf(parseArg, line.current);
  if (choices) return { suggestions: choices.map((value) => ({ value })), files: false };
  const { findSource } = await import("./sources.js"); // loads the clients of the fleet only for their values
  const source = findSource(...keys);
  if (source === "files") return { suggestions: [], files: true };
  if (source === undefined) return NOTHING;
  const asking = ask(source, line, io).catch(() => []);
  return { suggestions: await within(limitMs, asking, () => []), files: false };
}

/**
 * `oneOf` of options/option-values.ts leaves its names on the function. It reads upper and lower case: so follow the
 * user.
 */
function choicesOf(parse: unknown, current: string): readonly string[] | undefined {
  const { choices }: { readonly choices?: unknown } = Object(parse);
  if (!Array.isArray(choices)) return undefined;
  return choices.map((name) => (/[A-Z]/.test(current) ? String(name) : String(name).toLowerCase()));
}

async function ask(source: Exclude<Source, "files">, { given }: CommandLine, io: Io): Promise<readonly Suggestion[]> {
  const [gateway, tokenFile, caFile] = ["--gateway", "--token-file", "--ca-file"].map((name) => given.get(name));
  return source(io, { ...(gateway && { gateway }), ...(tokenFile && { tokenFile }), ...(caFile && { caFile }) });
}

/** A completion prints nothing but its answer, and reads nothing: the terminal belongs to the shell. */
const silent = (io: Io): Io => ({
  ...io,
  stdin: Readable.from([]),
  stderr: new Writable({ write: (_chunk, _encoding, done) => done() }),
});
