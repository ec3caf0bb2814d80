import { Argument, Command } from "commander";
import { COMPLETE, SCRIPTS, SHELLS, type Shell } from "../completion/scripts.js";
import { suggest } from "../completion/suggest.js";
import { type Io, sayFormatted } from "../io.js";
import { printable } from "../printable.js";

export function completionCommand(io: Io): Command {
  return new Command("completion")
    .description("print a script with which a shell completes commands, options, task ids and other names")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .addHelpText(
      "after",
      `
To install it:
  bash  add to ~/.bashrc:  source <(ccsp completion bash)
  zsh   add to ~/.zshrc, after compinit:  source <(ccsp completion zsh)
  fish  ccsp completion fish > ~/.config/fish/completions/ccsp.fish

The script asks ccsp each time, so a new version needs no new script.

Example:
  source <(ccsp completion bash)`,
    )
    .action((shell: Shell) => {
      io.stdout.write(SCRIPTS[shell]);
    });
}

/** What the scripts call: all words after `ccsp` up to the cursor. The last one may be empty. */
export function completeCommand(io: Io): Command {
  return new Command(COMPLETE)
    .argument("[words...]")
    .action(async (words: readonly string[], _options: unknown, command: Command) => {
      if (!command.parent) return;
      const { suggestions, files } = await suggest(command.parent, words, { io });
      for (const { value, description = "" } of suggestions) sayFormatted(io, `${word(value)}\t${word(description)}`);
      if (files) sayFormatted(io, ":files");
    });
}

/** Without tabs and line ends, which separate the parts of the answer. */
const word = (text: string): string => printable(text.replaceAll(/\s+/g, " "));
