import { lstat, mkdir, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { killStrays } from "./kill.js";
import { removeTree } from "./run-folder.js";

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
  /** Removes it. */
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
  await checkOurs(path);
  const lock = join(path, "executor.lock");
  const parent = join(path, "runs");
  await takeLock(lock, executorId);
  try {
    const runs = join(parent, bootId);
    await mkdir(runs, { recursive: true, mode: 0o700 });
    // The boots of this folder only: another installation on this host may have an executor of the same id.
    const earlier = (await readdir(parent)).filter((entry) => isBootId(entry) && entry !== bootId);
    const killed = await killStrays((cookie) => cookie.executorId === executorId && earlier.includes(cookie.bootId));
    if (killed.length > 0) log.warn({ pids: killed }, "ended processes that an earlier boot left");
    for (const boot of earlier) {
      await removeTree(join(parent, boot)).catch((err: unknown) => log.error({ err, boot }, "folders are left behind"));
    }
    return {
      runs,
      async close() {
        await removeTree(runs).catch((err: unknown) => log.error({ err }, "folders are left behind"));
        await rm(lock, { force: true });
        // Not empty: somebody else uses the folder too.
        for (const emptied of [parent, path]) await rmdir(emptied).catch(() => {});
      },
    };
  } catch (err) {
    await rm(lock, { force: true });
    throw err;
  }
}

/** Nothing else in there is ours to remove. */
const isBootId = (name: string): boolean => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(name);

/** The default place is in a folder that others can write to: somebody may have been there first. */
async function checkOurs(path: string): Promise<void> {
  const found = await lstat(path);
  const owned = process.getuid === undefined || found.uid === process.getuid();
  if (!found.isDirectory() || !owned || (found.mode & 0o077) !== 0) {
    throw new Error(`${path} is not a folder of this user alone (mode 0700); remove it or set CCSP_EXECUTOR_DIR`);
  }
}

async function takeLock(lock: string, executorId: string): Promise<void> {
  const ours = JSON.stringify({ pid: process.pid, started: await startTime(process.pid) });
  for (let tries = 0; tries < 3; tries++) {
    try {
      return await writeFile(lock, ours, { flag: "wx", mode: 0o600 });
    } catch (err) {
      if (!(err instanceof Error && "code" in err && err.code === "EEXIST")) throw err;
    }
    const holder = await readHolder(lock);
    if (holder && holder.pid !== process.pid && (await isAlive(holder))) {
      throw new Error(
        `executor id ${executorId} is in use by process ${holder.pid}; give each executor of a host its own CCSP_EXECUTOR_ID`,
      );
    }
    await rm(lock, { force: true });
  }
  throw new Error(`${lock} is being taken by others; give each executor of a host its own CCSP_EXECUTOR_ID`);
}

async function readHolder(lock: string): Promise<{ pid: number; started: string } | undefined> {
  try {
    const holder: { pid: number; started: string } = JSON.parse(await readFile(lock, "utf8"));
    return holder;
  } catch {
    // Gone, or cut off by a crash.
    return undefined;
  }
}

async function isAlive({ pid, started }: { pid: number; started: string }): Promise<boolean> {
  const now = await startTime(pid);
  return now !== "" && now === started;
}

/** Tells a process from a later one with the same id. Empty when there is no such process. */
async function startTime(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    // Field 22; the command's name in field 2 may hold spaces and brackets.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}
