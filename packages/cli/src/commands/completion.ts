import { Argument, Command } from "commander";
import { SCRIPTS, SHELLS, type Shell } from "../completion/scripts.js";
import type { Io } from "../process/io.js";

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
