import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Env } from "@ccsp/config";
import { replaceFile } from "@ccsp/private-files";
import { CliError, EXIT } from "../process/exit.js";
import { secretPath } from "./local-secret.js";
import { homeOf, openStateDir, stateDir, unusable } from "./state.js";

/**
 * The folders in which tasks of the local fleet may work and whose files they may include, as a person allowed them.
 * Executors read the same file before each task (`CCSP_EXECUTOR_ALLOWED_ROOTS_FILE`), so a change needs no restart.
 */
export async function allowedFolders(env: Env): Promise<readonly string[]> {
  const { path, allowedFoldersFile } = stateDir(env);
  const text = await readFile(allowedFoldersFile, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw unusable(path, error);
  });
  return text.split("\n").filter((line) => line.startsWith("/"));
}

/**
 * Allows a folder from now on, and everything below it. Returns its real path, which is what is remembered. Throws an
 * error that says why when the folder must not be allowed.
 */
export async function allowFolder(env: Env, path: string): Promise<string> {
  const folder = await allowable(env, path);
  const before = await allowedFolders(env);
  if (!before.includes(folder)) await save(env, [...before, folder]);
  return folder;
}

/** Returns the folder that is not allowed any more. Undefined when it was not in the list. */
export async function forgetFolder(env: Env, path: string): Promise<string | undefined> {
  const asWritten = resolve(path);
  // The folder may be gone, so that it has no real path any more.
  const names = [asWritten, await realpath(asWritten).catch(() => asWritten)];
  const before = await allowedFolders(env);
  const gone = before.find((folder) => names.includes(folder));
  if (gone === undefined) return undefined;
  await save(
    env,
    before.filter((folder) => folder !== gone),
  );
  return gone;
}

/** The real path of a folder that may be allowed. Throws an error that says why when it may not. */
export async function allowable(env: Env, path: string): Promise<string> {
  const refused = (why: string) => new CliError(EXIT.usage, `${path} cannot be allowed: ${why}`);
  const folder = await realpath(resolve(path)).catch(() => {
    throw refused("there is no such folder");
  });
  if (!(await stat(folder)).isDirectory()) throw refused("it is a file; name the folder that has it");
  if (/\p{Cc}/u.test(folder)) throw refused("its name has control characters");
  if (folder === "/") throw refused("tasks could read every file of this machine; name a folder in it");
  if (isUnder(await real(homeOf(env)), folder)) {
    throw refused("it has your home, where keys and logins are; name a folder in your home");
  }
  const { path: state } = stateDir(env);
  const own = await real(state);
  if (isUnder(own, folder) || isUnder(folder, own)) {
    throw refused(
      `tasks could read the fleet's own files in ${state}, its secret among them; name another folder, or move those ` +
        "files (CCSP_STATE_DIR)",
    );
  }
  const secret = await real(secretPath(env));
  if (isUnder(secret, folder)) throw refused(`it has the fleet's secret, ${secret}`);
  return folder;
}

/** Whether `path` is `folder` or below it. Compares whole names: /srv/ab is not under /srv/a. */
export const isUnder = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);

/** The real path, also of a path that is not there yet. */
async function real(path: string): Promise<string> {
  const absolute = resolve(path);
  return realpath(absolute).catch(async () => {
    const parent = dirname(absolute);
    return parent === absolute ? absolute : join(await real(parent), basename(absolute));
  });
}

/** Replaces the file as a whole: an executor never reads half of it. */
async function save(env: Env, folders: readonly string[]): Promise<void> {
  const state = stateDir(env);
  await openStateDir(state);
  await replaceFile(state.allowedFoldersFile, folders.map((folder) => `${folder}\n`).join(""));
}
