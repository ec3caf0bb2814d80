import type { Argument, Command, Option } from "commander";

/** A command line up to the cursor, read as commander would read it. */
export interface CommandLine {
  readonly command: Command;
  /** The word at the cursor, possibly empty. */
  readonly current: string;
  /** The option whose value the cursor is at. `prefix` is `--name=` when the value follows in the same word. */
  readonly option?: { readonly option: Option; readonly prefix: string };
  /** The argument that the cursor is at. Undefined when the command takes no more. */
  readonly argument?: Argument;
  /** True when the word at the cursor may be a name of a subcommand. */
  readonly atSubcommand: boolean;
  /** True after `--`: no word is an option. */
  readonly onlyArguments: boolean;
  /** The values of the options before the cursor, by their long names. */
  readonly given: ReadonlyMap<string, string>;
}

/** Reads all words after `ccsp`. The last one is the word at the cursor. */
export function readCommandLine(program: Command, words: readonly string[]): CommandLine {
  let command = program;
  let position = 0;
  let waiting: Option | undefined;
  let onlyArguments = false;
  const given = new Map<string, string>();
  const current = words.at(-1) ?? "";

  for (const word of words.slice(0, -1)) {
    const isOption = !onlyArguments && word.startsWith("-") && word !== "-";
    if (waiting && (!isOption || waiting.required) && !(isOption && waiting.variadic && given.has(keyOf(waiting)))) {
      given.set(keyOf(waiting), word);
      if (!waiting.variadic) waiting = undefined;
      continue;
    }
    waiting = undefined;
    if (word === "--" && !onlyArguments) onlyArguments = true;
    else if (isOption) {
      const [name = "", ...value] = word.split("=");
      const option = findOption(command, name);
      if (value.length > 0 && option) given.set(keyOf(option), value.join("="));
      else if (option && takesValue(option)) waiting = option;
    } else {
      const sub = position === 0 ? findCommand(command, word) : undefined;
      if (sub) command = sub;
      else position += 1;
    }
  }

  const rest = { command, current, given, onlyArguments };
  const inline = !onlyArguments && /^(--[^=]+)=/.exec(current);
  const named = inline ? findOption(command, inline[1] ?? "") : undefined;
  if (inline && named) return { ...rest, atSubcommand: false, option: { option: named, prefix: inline[0] } };
  const isOption = !onlyArguments && current.startsWith("-");
  if (waiting && !isOption) return { ...rest, atSubcommand: false, option: { option: waiting, prefix: "" } };
  const last = command.registeredArguments.at(-1);
  const argument = command.registeredArguments[position] ?? (last?.variadic ? last : undefined);
  return { ...rest, atSubcommand: position === 0, ...(argument && { argument }) };
}

const keyOf = (option: Option): string => option.long ?? option.flags;
const takesValue = (option: Option): boolean => option.required || option.optional;

function findOption({ options }: Command, name: string): Option | undefined {
  return options.find(({ long, short }) => long === name || short === name);
}

function findCommand({ commands }: Command, name: string): Command | undefined {
  return commands.find((each) => each.name() === name || each.aliases().includes(name));
}
