import { executorFiles } from "@ccsp/engine-kit/own-files";
import { readStat } from "./proc.js";

const { link, readFile, rename, rm, writeFile } = executorFiles;

/** A process that may hold the lock. */
export interface Holder {
  readonly pid: number;
  /** Start time, which distinguishes the process from a later one with the same pid. Empty if unknown. */
  readonly started: string;
}

export const thisProcess = (): Holder => ({ pid: process.pid, started: readStat(process.pid)?.started ?? "" });

export interface Lock {
  release(): Promise<void>;
}

const TRIES = 10;

/**
 * Takes the lock in the file `path` for `us`. The lock holds until it is released or until the process `us` is gone. If
 * another process has the lock, this resolves to that holder.
 *
 * A dead holder is replaced by the first process that creates its succession file, which is named after the dead
 * holder. Two processes may find the holder dead at the same time. Then the slower one cannot remove the lock that the
 * faster one has by then.
 */
export async function takeLock(path: string, us: Holder): Promise<Lock | Holder> {
  const ours = JSON.stringify(us);
  for (let tries = 0; tries < TRIES; tries++) {
    if (await create(path, ours)) return { release: () => rm(path, { force: true }) };
    const holder = await read(path);
    if (holder === undefined) continue;
    if (isAlive(holder)) return holder;
    const succession = `${path}.after-${holder.pid}-${holder.started}`;
    if (!(await create(succession, ours))) {
      const successor = await read(succession);
      if (successor && isAlive(successor)) return successor;
      // The successor died while it was taking over.
      await rm(succession, { force: true });
      continue;
    }
    // Another process may have completed this succession before. Then the lock file no longer names the dead holder,
    // and the lock belongs to that process.
    if (isSame(await read(path), holder)) {
      await rename(succession, path);
      return { release: () => rm(path, { force: true }) };
    }
    await rm(succession, { force: true });
  }
  throw new Error(`${path} cannot be locked: other processes keep taking it`);
}

/** Creates a file with its content in one atomic step. False if the file exists. */
async function create(path: string, content: string): Promise<boolean> {
  const draft = `${path}.${process.pid}-${Math.random().toString(36).slice(2)}`;
  await writeFile(draft, content, { mode: 0o600 });
  try {
    await link(draft, path);
    return true;
  } catch (err) {
    if (err instanceof Error && "code" in err && err.code === "EEXIST") return false;
    throw err;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Undefined if the file is gone. */
async function read(path: string): Promise<Holder | undefined> {
  try {
    const holder: Holder = JSON.parse(await readFile(path, "utf8"));
    return holder;
  } catch (err) {
    if (err instanceof SyntaxError) return CUT_OFF;
    if (err instanceof Error && "code" in err && err.code === "ENOENT") return undefined;
    throw err;
  }
}

/** A host that lost power may leave an incomplete file. It belongs to no process. */
const CUT_OFF: Holder = { pid: 0, started: "" };

const isSame = (a: Holder | undefined, b: Holder): boolean => a?.pid === b.pid && a.started === b.started;

/** Without /proc no holder counts as alive. There the lock does not protect. */
function isAlive({ pid, started }: Holder): boolean {
  const now = readStat(pid)?.started;
  return now !== undefined && now === started;
}
