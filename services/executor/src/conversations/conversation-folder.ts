import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { CopyId, KeptCopies } from "../domain/conversations.js";

export interface ConversationFolderOptions {
  /** In the executor's own folder; outlives the executor. */
  readonly path: string;
  /** Most bytes of all copies; 0: keeps none. */
  readonly bytes: number;
  /** How long a copy is kept after the last turn. */
  readonly keptMs: number;
  readonly log: Logger;
}

interface Copy {
  readonly bytes: number;
  readonly atMs: number;
  /** The queue said so, to this boot. */
  readonly counts: boolean;
}

/** However small they are: all of them are named in memory. */
const MOST_COPIES = 10_000;
/** One that is being written. */
const PENDING = ".pending";

/**
 * Copies of conversations on disk, for their owner only: `<hash of engine and id>-<fence of the turn>`. Each is whole: it gets its name when it
 * is written. Which of them counts the queue says, by its fence. Rejects when the folder cannot be used. `close` removes it when there is
 * nothing in it.
 */
export async function openConversationFolder(
  options: ConversationFolderOptions,
): Promise<KeptCopies & { close(): Promise<void> }> {
  const { path, bytes: mostBytes, keptMs, log } = options;
  await mkdir(path, { recursive: true, mode: 0o700 });
  const copies = new Map<string, Copy>();

  const remove = async (name: string): Promise<void> => {
    copies.delete(name);
    await rm(join(path, name), { force: true });
  };

  const namesOf = (key: string): string[] => [...copies.keys()].filter((name) => keyOf(name) === key);

  /** Removes what is too old, then the oldest of what is too much. */
  async function prune(): Promise<void> {
    const oldestFirst = [...copies].toSorted(([, a], [, b]) => a.atMs - b.atMs);
    let total = oldestFirst.reduce((sum, [, { bytes }]) => sum + bytes, 0);
    let count = oldestFirst.length;
    for (const [name, { bytes, atMs }] of oldestFirst) {
      if (total <= mostBytes && count <= MOST_COPIES && Date.now() - atMs <= keptMs) return;
      await remove(name);
      total -= bytes;
      count--;
    }
  }

  const orLog = async <T>(work: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work();
    } catch (err) {
      log.error({ err }, "conversations on disk cannot be used");
      return otherwise;
    }
  };

  for (const name of await readdir(path)) {
    const { size, mtimeMs } = await stat(join(path, name));
    copies.set(name, { bytes: size, atMs: mtimeMs, counts: false });
  }
  for (const name of [...copies.keys()].filter((each) => each.endsWith(PENDING))) await remove(name);
  await prune();

  return {
    find: (copy) =>
      orLog(async () => {
        const name = copy.fence === 0n ? namesOf(hashOf(copy)).reduce(newer, "") : fileOf(copy);
        return copies.has(name) ? new Uint8Array(await readFile(join(path, name))) : undefined;
      }, undefined),

    put: (copy, bytes) =>
      orLog(async () => {
        if (bytes.byteLength > mostBytes) return false;
        const name = fileOf(copy);
        const pending = join(path, `${name}${PENDING}`);
        try {
          await writeFile(pending, bytes, { mode: 0o600 });
          await rename(pending, join(path, name));
        } catch (err) {
          // A full disk leaves half of it.
          await rm(pending, { force: true });
          throw err;
        }
        copies.set(name, { bytes: bytes.byteLength, atMs: Date.now(), counts: false });
        await prune();
        return true;
      }, false),

    counted: (copy) =>
      orLog(async () => {
        const name = fileOf(copy);
        const own = copies.get(name);
        if (own) copies.set(name, { ...own, counts: true });
        const names = namesOf(hashOf(copy));
        const newest = names.filter((each) => copies.get(each)?.counts).reduce(newer, name);
        for (const each of names) if (fenceOf(each) < fenceOf(newest)) await remove(each);
      }, undefined),

    close: () => rmdir(path).catch(() => {}),
  };
}

/** Ids come from engines, and are not for file names. */
const hashOf = ({ engine, engineId }: Omit<CopyId, "fence">): string =>
  createHash("sha256").update(`${engine}\0${engineId}`).digest("hex").slice(0, 40);
const fileOf = (copy: CopyId): string => `${hashOf(copy)}-${copy.fence}`;
const keyOf = (name: string): string => name.split("-", 1)[0] ?? "";
const fenceOf = (name: string): bigint => BigInt(/-(\d+)$/.exec(name)?.[1] ?? 0);
const newer = (a: string, b: string): string => (a === "" || fenceOf(b) > fenceOf(a) ? b : a);
