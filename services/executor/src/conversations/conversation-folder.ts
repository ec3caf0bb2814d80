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
}

/** However small they are: all of them are named in memory. */
const MOST_COPIES = 10_000;
const PENDING = ".pending";

/**
 * Copies of conversations on disk, for their owner only: `<hash of engine and id>-<fence>`. One that does not count yet ends in
 * `.pending`; where a crash left one, nobody knows which is the newest, so all of that conversation are removed: the queue has it too.
 * Rejects when the folder cannot be used. `close` removes it when there is nothing in it.
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

  const removeAll = async (key: string): Promise<void> => {
    for (const name of [...copies.keys()].filter((each) => keyOf(each) === key)) await remove(name);
  };

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
    copies.set(name, { bytes: size, atMs: mtimeMs });
  }
  for (const name of [...copies.keys()].filter((each) => each.endsWith(PENDING))) await removeAll(keyOf(name));
  await prune();

  return {
    find: (copy) =>
      orLog(async () => {
        const key = hashOf(copy);
        const [newest] = [...copies.keys()]
          .filter((name) => keyOf(name) === key && !name.endsWith(PENDING))
          .toSorted((a, b) => Number(fenceOf(b) - fenceOf(a)));
        return newest === undefined ? undefined : new Uint8Array(await readFile(join(path, newest)));
      }, undefined),

    put: (copy, bytes) =>
      orLog(async () => {
        if (bytes.byteLength > mostBytes) return false;
        const name = `${fileOf(copy)}${PENDING}`;
        copies.set(name, { bytes: bytes.byteLength, atMs: Date.now() });
        try {
          await writeFile(join(path, name), bytes, { mode: 0o600 });
        } catch (err) {
          // A full disk leaves half of it.
          await remove(name);
          throw err;
        }
        return true;
      }, false),

    confirm: (copy) =>
      orLog(async () => {
        const name = fileOf(copy);
        const pending = copies.get(`${name}${PENDING}`);
        const key = hashOf(copy);
        // Without a new one the old one would be taken for the newest.
        if (pending === undefined) return await removeAll(key);
        await rename(join(path, `${name}${PENDING}`), join(path, name));
        copies.delete(`${name}${PENDING}`);
        copies.set(name, { ...pending, atMs: Date.now() });
        const others = [...copies.keys()].filter((each) => keyOf(each) === key && !each.endsWith(PENDING));
        const newest = others.reduce((most, each) => (fenceOf(each) > fenceOf(most) ? each : most), name);
        for (const other of others) if (other !== newest) await remove(other);
        await prune();
      }, undefined),

    forget: (copy) => orLog(() => removeAll(hashOf(copy)), undefined),

    close: () => rmdir(path).catch(() => {}),
  };
}

/** Ids come from engines, and are not for file names. */
const hashOf = ({ engine, engineId }: Omit<CopyId, "fence">): string =>
  createHash("sha256").update(`${engine}\0${engineId}`).digest("hex").slice(0, 40);
const fileOf = (copy: CopyId): string => `${hashOf(copy)}-${copy.fence}`;
const keyOf = (name: string): string => name.split("-", 1)[0] ?? "";
const fenceOf = (name: string): bigint => BigInt(/-(\d+)$/.exec(name)?.[1] ?? 0);
