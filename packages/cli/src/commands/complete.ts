import { Command } from "commander";
import { COMPLETE } from "../completion/scripts.js";
import { suggest } from "../completion/suggest.js";
import { durationMs } from "../options/option-values.js";
import { type Io, sayFormatted } from "../process/io.js";
import { printable } from "../process/printable.js";

/** What the scripts call: all words after `ccsp` up to the cursor. The last one may be empty. */
export function completeCommand(io: Io): Command {
  return new Command(COMPLETE)
    .argument("[words...]")
    .option("--limit <duration>", "how long the fleet may take to answer", durationMs)
    .action(async (words: readonly string[], { limit }: { readonly limit?: number }, command: Command) => {
      if (!command.parent) return;
      const { suggestions, files } = await suggest(command.parent, words, { io, limitMs: limit });
      for (const { value, description = "" } of suggestions) sayFormatted(io, `${word(value)}\t${word(description)}`);
      if (files) sayFormatted(io, ":files");
    });
}

/** Without tabs and line ends, which separate the parts of the answer. */
const word = (text: string): string => printable(text.replaceAll(/\s+/g, " "));
