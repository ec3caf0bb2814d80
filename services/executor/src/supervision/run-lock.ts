import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { readStat } from "./proc.js";

/** A process that may hold the lock. */
export interface Holder {
  readonly pid: number;
  /** Tells it from a later one with the same id. Empty where that is not known. */
  readonly started: string;
}

export const thisProcess = (): Holder => ({ pid: process.pid, started: readStat(process.pid)?.started ?? "" });

export interface Lock {
  release(): Promise<void>;
}

const TRIES = 10;

/**
 * Takes the lock in file `path` for `us`; it holds until it is released or `us` is no more. Resolves to who has it, when somebody else
 * does.
 *
 * A dead holder is replaced by whoever first makes the file of its succession, which is named after the dead one. So of two that
 * found it dead at the same time, the slower one cannot remove the lock that the faster one has by then.
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
      // It died in the middle of taking over.
      await rm(succession, { force: true });
      continue;
    }
    // Whoever made this file before us is done with it: then the lock is theirs.
    if (isSame(await read(path), holder)) {
      await rename(succession, path);
      return { release: () => rm(path, { force: true }) };
    }
    await rm(succession, { force: true });
  }
  throw new Error(`${path} is being taken by others`);
}

/** Makes a file with its content in one step. False when there is one. */
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

/** Undefined when it is gone. */
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

/** What a host that lost its power may leave: nobody's. */
const CUT_OFF: Holder = { pid: 0, started: "" };

const isSame = (a: Holder | undefined, b: Holder): boolean => a?.pid === b.pid && a.started === b.started;

/** Where there is no /proc nobody is: a lock then says nothing. */
function isAlive({ pid, started }: Holder): boolean {
  const now = readStat(pid)?.started;
  return now !== undefined && now === started;
}
