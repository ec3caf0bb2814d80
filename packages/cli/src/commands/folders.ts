import { Command } from "commander";
import { allowedFolders, allowFolder, forgetFolder } from "../allowed-folders.js";
import { CliError, EXIT } from "../exit.js";
import { type Io, note, say, sayJson } from "../io.js";

interface FolderOptions {
  readonly json?: true;
}

export function foldersCommand(io: Io): Command {
  const command = new Command("folders").description(
    "folders of this machine in which tasks of the local fleet may work",
  );
  for (const sub of [listCommand(io), allowCommand(io), forgetCommand(io)]) command.addCommand(sub);
  return command;
}

function listCommand(io: Io): Command {
  return new Command("list")
    .description("list the folders that were allowed here")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
The executors' own setting, CCSP_EXECUTOR_ALLOWED_ROOTS, may allow more folders.

Example:
  ccsp folders list`,
    )
    .action(async ({ json }: FolderOptions) => {
      const folders = await allowedFolders(io.env);
      if (json) return sayJson(io, { folders });
      if (folders.length === 0) note(io, "no folders");
      for (const folder of folders) say(io, folder);
    });
}

function allowCommand(io: Io): Command {
  return new Command("allow")
    .description("let tasks work in a folder and read and change what is in it; takes effect at once")
    .argument("[folder]", "the folder", ".")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Everything below the folder is allowed too. A symlink is followed once, now. Not allowed are /, a folder that has your home,
and a folder that has the fleet's own files.

Examples:
  ccsp folders allow
  ccsp folders allow ~/projects`,
    )
    .action(async (path: string, { json }: FolderOptions) => {
      const folder = await allowFolder(io.env, path);
      if (json) sayJson(io, { allowed: folder });
      else say(io, `tasks may work in ${folder}`);
    });
}

function forgetCommand(io: Io): Command {
  return new Command("forget")
    .description("allow a folder no more; a task that works in it already continues")
    .argument("[folder]", "the folder, as the list shows it", ".")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  ccsp folders forget ~/projects")
    .action(async (path: string, { json }: FolderOptions) => {
      const folder = await forgetFolder(io.env, path);
      if (folder === undefined) {
        throw new CliError(EXIT.usage, `${path} is not in the list: \`ccsp folders list\` shows what is`);
      }
      if (json) sayJson(io, { forgotten: folder });
      else say(io, `${folder} is forgotten`);
    });
}
