import { Command } from "commander";
import { allowedFolders, allowFolder, forgetFolder } from "../local-fleet/allowed-folders.js";
import { FORMATS, type OutputOptions, withOutput } from "../output/format.js";
import { showList, showOne } from "../output/show.js";
import { CliError, EXIT } from "../process/exit.js";
import type { Io } from "../process/io.js";

export function foldersCommand(io: Io): Command {
  const command = new Command("folders").description(
    "folders of this machine in which tasks of the local fleet may work",
  );
  for (const sub of [listCommand(io), allowCommand(io), forgetCommand(io)]) command.addCommand(sub);
  return command;
}

function listCommand(io: Io): Command {
  return withOutput(new Command("list"), FORMATS)
    .description("list the folders that were allowed here")
    .addHelpText(
      "after",
      `
The executors' own setting, CCSP_EXECUTOR_ALLOWED_ROOTS, may allow more folders.

Example:
  ccsp folders list`,
    )
    .action(async (options: OutputOptions) => {
      await showList(io, options, {
        rows: await allowedFolders(io.env),
        json: (folder) => ({ folder }),
        name: (folder) => folder,
        columns: [{ header: "FOLDER", value: (folder) => folder }],
        empty: "no folders yet: ccsp folders allow PATH",
      });
    });
}

function allowCommand(io: Io): Command {
  return withOutput(new Command("allow"), FORMATS)
    .description("let tasks work in a folder and read and change what is in it; takes effect at once")
    .argument("[folder]", "the folder", ".")
    .addHelpText(
      "after",
      `
Everything below the folder is allowed too. A symlink is followed once, now. Not
allowed are /, a folder that has your home, and a folder that has the fleet's
own files.

Examples:
  ccsp folders allow
  ccsp folders allow ~/projects`,
    )
    .action(async (path: string, options: OutputOptions) => {
      const folder = await allowFolder(io.env, path);
      const line = `tasks may work in ${folder}`;
      await showOne(io, options, { json: () => ({ allowed: folder }), name: folder, lines: () => [line] });
    });
}

function forgetCommand(io: Io): Command {
  return withOutput(new Command("forget"), FORMATS)
    .description("allow a folder no more; a task that works in it already continues")
    .argument("[folder]", "the folder, as the list shows it", ".")
    .addHelpText("after", "\nExample:\n  ccsp folders forget ~/projects")
    .action(async (path: string, options: OutputOptions) => {
      const folder = await forgetFolder(io.env, path);
      if (folder === undefined) {
        throw new CliError(EXIT.usage, `${path} is not in the list: \`ccsp folders list\` shows what is`);
      }
      const line = `${folder} is forgotten`;
      await showOne(io, options, { json: () => ({ forgotten: folder }), name: folder, lines: () => [line] });
    });
}
