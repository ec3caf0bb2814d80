import { realpath } from "node:fs/promises";
import { dirname } from "node:path";
import type { TaskInput } from "@ccsp/client";
import { type ConnectionOptions, namedGateway } from "../connection/connection.js";
import { ask, canAsk } from "../input/ask.js";
import { allowable, allowedFolders, allowFolder, isUnder } from "../local-fleet/allowed-folders.js";
import { findFleet, stateDir } from "../local-fleet/state.js";
import { quoted } from "../output/shell-word.js";
import { CliError, EXIT } from "../process/exit.js";
import { type Io, note } from "../process/io.js";

/**
 * The task with the real paths of this machine, when it goes to the local fleet. If it names a folder in which tasks of
 * this fleet may not work yet, asks the person, and remembers the answer. Without a terminal, throws an error with the
 * command that allows the folder. Another gateway gets the paths as they are: its executors decide.
 */
export async function inAllowedFolders(io: Io, options: ConnectionOptions, task: TaskInput): Promise<TaskInput> {
  const { workingFolder, includeFiles } = task;
  if (workingFolder === undefined && includeFiles === undefined) return task;
  const fleet = await findFleet(stateDir(io.env));
  const gateway = namedGateway(io, options) ?? fleet?.gateway;
  if (fleet === undefined || gateway !== fleet.gateway) return task;

  const folder = workingFolder && (await realOf("--working-folder", workingFolder));
  const files = await Promise.all((includeFiles ?? []).map((file) => realOf("--include", file)));
  // A fleet of an earlier release reads no list of folders, so a question would promise too much.
  if (fleet.allowedRoots !== undefined) {
    if (folder) await allow(io, { option: "--working-folder", folder, roots: fleet.allowedRoots });
    for (const file of files)
      await allow(io, { option: "--include", folder: dirname(file), roots: fleet.allowedRoots });
  }
  return { ...task, ...(folder && { workingFolder: folder }), ...(includeFiles && { includeFiles: files }) };
}

interface Wanted {
  readonly option: string;
  readonly folder: string;
  /** Folders that the settings of the fleet's executors allow. */
  readonly roots: readonly string[];
}

async function allow(io: Io, { option, folder, roots }: Wanted): Promise<void> {
  const real = await Promise.all(roots.map((root) => realpath(root).catch(() => root)));
  if ([...real, ...(await allowedFolders(io.env))].some((root) => isUnder(folder, root))) return;
  await allowable(io.env, folder);
  if (!canAsk(io)) {
    throw new CliError(
      EXIT.denied,
      `${option}: tasks of this fleet may not use ${folder} yet; allow it with: ccsp folders allow ${quoted(folder)}`,
    );
  }
  const answer = await ask(io, `Allow tasks of this fleet to work in ${folder}? [y/N] `);
  if (!/^y(es)?$/i.test(answer)) throw new CliError(EXIT.denied, `${option}: ${folder} was not allowed`);
  await allowFolder(io.env, folder);
  note(io, "allowed from now on; `ccsp folders list` shows all, and `ccsp folders forget` takes one back");
}

async function realOf(option: string, path: string): Promise<string> {
  return realpath(path).catch(() => {
    throw new CliError(EXIT.usage, `${option} ${path}: there is no such file or folder`);
  });
}
