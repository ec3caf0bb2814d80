import { join } from "node:path";
import { executorFiles } from "@ccsp/engine-kit/own-files";
import type { Logger } from "pino";
import { findProcesses, killAll } from "./kill.js";
import { createProcessTable } from "./proc.js";
import { removeTree } from "./run-folder.js";
import { takeLock, thisProcess } from "./run-lock.js";
import { temporaryFolderOf } from "./temporary-folder.js";

const { lstat, mkdir, readdir, realpath, rmdir } = executorFiles;

export interface ExecutorFolderOptions {
  /** Only this executor may use it. */
  readonly path: string;
  readonly executorId: string;
  /** A ULID. */
  readonly bootId: string;
  readonly log: Logger;
}

/** The folder in which this boot's runs have their folders. */
export interface ExecutorFolder {
  readonly runs: string;
  /**
   * The folder in which the runs have their temporary folders. Its path is short, so that the path of a socket fits.
   */
  readonly temporary: string;
  /** Removes both folders and releases the lock. */
  close(): Promise<void>;
}

/**
 * Locks the executor's folder. Then ends what an earlier boot of the same executor id left: first its processes, then
 * its files. Rejects if another living process has the lock: two executors with one id would end each other's engines.
 */
export async function openExecutorFolder({
  path,
  executorId,
  bootId,
  log,
}: ExecutorFolderOptions): Promise<ExecutorFolder> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await checkOurs(path, "CCSP_EXECUTOR_DIR");
  const lock = await takeLock(join(path, "executor.lock"), thisProcess());
  if ("pid" in lock) {
    throw new Error(
      `executor id ${executorId} is in use by process ${lock.pid}; give each executor of a host its own CCSP_EXECUTOR_ID`,
    );
  }
  try {
    // Below it, no link is followed.
    const parent = join(await realpath(path), "runs");
    const runs = join(parent, bootId);
    await mkdir(runs, { recursive: true, mode: 0o700 });
    // Only boots of this folder: another installation on this host may have an executor with the same id.
    const earlier = (await readdir(parent)).filter((entry) => isBootId(entry) && entry !== bootId);
    const table = createProcessTable();
    const killed = await killAll(() =>
      findProcesses((cookie) => cookie.executorId === executorId && earlier.includes(cookie.bootId), table),
    );
    if (killed.length > 0) log.warn({ pids: killed }, "ended processes that an earlier boot left");
    for (const boot of earlier) {
      await removeTree(join(parent, boot)).catch((err: unknown) =>
        log.error({ err, boot }, "folders could not be removed"),
      );
    }
    const temporary = temporaryFolderOf(path);
    await mkdir(temporary, { recursive: true, mode: 0o700 });
    await checkOurs(temporary, "TMPDIR");
    const leave = (left: string) =>
      removeTree(left).catch((err: unknown) => log.error({ err, left }, "folders could not be removed"));
    for (const entry of await readdir(temporary)) await leave(join(temporary, entry));
    return {
      runs,
      temporary,
      async close() {
        await leave(runs);
        await leave(temporary);
        await lock.release();
        // This fails if a folder is not empty: then another program uses it too.
        for (const emptied of [parent, path]) await rmdir(emptied).catch(() => {});
      },
    };
  } catch (err) {
    await lock.release();
    throw err;
  }
}

/** The executor removes nothing else from the folder. */
const isBootId = (name: string): boolean => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(name);

/** Others can write to the folder that holds the default path. So another user may have made this path first. */
async function checkOurs(path: string, setting: string): Promise<void> {
  const found = await lstat(path);
  const owned = process.getuid === undefined || found.uid === process.getuid();
  if (!found.isDirectory() || !owned || (found.mode & 0o077) !== 0) {
    throw new Error(`${path} is not a folder that only this user can use (mode 0700); remove it or set ${setting}`);
  }
}
