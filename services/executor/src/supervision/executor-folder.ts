import { lstat, mkdir, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { findProcesses, killAll } from "./kill.js";
import { removeTree } from "./run-folder.js";
import { takeLock, thisProcess } from "./run-lock.js";
import { temporaryFolderOf } from "./temporary-folder.js";

export interface ExecutorFolderOptions {
  /** Belongs to this executor alone. */
  readonly path: string;
  readonly executorId: string;
  /** A ULID. */
  readonly bootId: string;
  readonly log: Logger;
}

/** The place where this boot's runs have their folders. */
export interface ExecutorFolder {
  readonly runs: string;
  /** The place where they have their temporary folders: near the root, so that sockets can be in them. */
  readonly temporary: string;
  /** Removes both. */
  close(): Promise<void>;
}

/**
 * Takes the executor's folder, then ends what an earlier boot of the same executor id left: first its processes, then its files.
 * Rejects when another living process has the folder: two executors of one id would end each other's engines.
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
  const parent = join(path, "runs");
  try {
    const runs = join(parent, bootId);
    await mkdir(runs, { recursive: true, mode: 0o700 });
    // The boots of this folder only: another installation on this host may have an executor of the same id.
    const earlier = (await readdir(parent)).filter((entry) => isBootId(entry) && entry !== bootId);
    const killed = await killAll(() =>
      findProcesses((cookie) => cookie.executorId === executorId && earlier.includes(cookie.bootId)),
    );
    if (killed.length > 0) log.warn({ pids: killed }, "ended processes that an earlier boot left");
    for (const boot of earlier) {
      await removeTree(join(parent, boot)).catch((err: unknown) => log.error({ err, boot }, "folders are left behind"));
    }
    const temporary = temporaryFolderOf(path);
    await mkdir(temporary, { recursive: true, mode: 0o700 });
    await checkOurs(temporary, "TMPDIR");
    const leave = (left: string) =>
      removeTree(left).catch((err: unknown) => log.error({ err, left }, "folders are left behind"));
    for (const entry of await readdir(temporary)) await leave(join(temporary, entry));
    return {
      runs,
      temporary,
      async close() {
        await leave(runs);
        await leave(temporary);
        await lock.release();
        // Not empty: somebody else uses the folder too.
        for (const emptied of [parent, path]) await rmdir(emptied).catch(() => {});
      },
    };
  } catch (err) {
    await lock.release();
    throw err;
  }
}

/** Nothing else in there is ours to remove. */
const isBootId = (name: string): boolean => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(name);

/** The default place is in a folder that others can write to: somebody may have been there first. */
async function checkOurs(path: string, setting: string): Promise<void> {
  const found = await lstat(path);
  const owned = process.getuid === undefined || found.uid === process.getuid();
  if (!found.isDirectory() || !owned || (found.mode & 0o077) !== 0) {
    throw new Error(`${path} is not a folder of this user alone (mode 0700); remove it or set ${setting}`);
  }
}
