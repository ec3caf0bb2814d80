import { Command } from "commander";

/**
 * `(Did you mean failed?)`, by the rule by which commander compares commands and options. Upper and lower case are the
 * same, as in the options. "": no name is similar.
 */
export function didYouMean(word: string, names: readonly string[]): string {
  const among = new Command()
    .exitOverride()
    .helpCommand(false)
    .configureOutput({ writeErr: () => {} });
  for (const name of names) among.addCommand(new Command(name.toLowerCase()));
  try {
    among.parse(["--", word.toLowerCase()], { from: "user" });
    return "";
  } catch (error) {
    return /\(Did you mean .*\)/.exec(String(error))?.[0] ?? "";
  }
}

const NO_CHOICE = /(?:argument|value) '([^']*)' is invalid.*\. (?:Allowed choices are|It must be one of) (.*)\.$/;
const TOO_MANY = /^error: too many arguments .* but got \d+: ([^,]*)/;

/** The message of commander, with the word that a person may have meant, where commander itself does not say it. */
export function withGuess(message: string, { commands }: Command): string {
  const [, value, choices] = NO_CHOICE.exec(message) ?? [];
  const [, argument] = TOO_MANY.exec(message) ?? [];
  let guess = "";
  if (value !== undefined && choices !== undefined) {
    const names = choices.split(", ");
    const isName = (word: string) => names.some((name) => name.toLowerCase() === word.trim().toLowerCase());
    guess = didYouMean(value.split(",").find((word) => !isName(word)) ?? value, names);
  } else if (argument !== undefined) {
    guess = didYouMean(
      argument,
      commands.map((each) => each.name()),
    );
  }
  return guess === "" ? message : `${message}\n${guess}`;
}
