import { createHash } from "node:crypto";
import type { Logger } from "pino";
import type { CopyId, KeptCopies } from "../domain/conversations.js";
import { isPending, type KeptFolder, openKeptFolder } from "../files/kept-folder.js";

export interface ConversationFolderOptions {
  /** A folder in the executor's own folder. It outlives the executor. */
  readonly path: string;
  /** Maximum bytes of all copies; 0: keeps no copy. */
  readonly bytes: number;
  /** How long a copy is kept after the conversation's last turn. */
  readonly keptMs: number;
  readonly log: Logger;
}

interface Copy {
  readonly bytes: number;
  readonly atMs: number;
  /** The queue confirmed to this boot that the copy's turn counts. */
  readonly counts: boolean;
}

/** Applies even to very small copies: the names of all copies are in memory. */
const MOST_COPIES = 10_000;
/** Names that a boot looks at. There are no more, unless a run without a sandbox made them. */
const MOST_NAMES = 2 * MOST_COPIES;

/**
 * Opens the folder. Removes what is not a file of this executor, and files that an earlier boot did not finish. Rejects
 * if the folder cannot be used.
 */
export async function openConversationFolder(
  options: ConversationFolderOptions,
): Promise<KeptCopies & { close(): Promise<void> }> {
  const kept = await openKeptFolder(options.path);
  const { files } = kept;
  const copies = new Map<string, Copy>();
  for (const name of await files.list(MOST_NAMES)) {
    const facts = await files.facts(name);
    if (!facts?.plain || isPending(name)) await files.remove(name);
    else copies.set(name, { bytes: facts.bytes, atMs: facts.changedMs, counts: false });
  }
  const folder = new ConversationFolder(options, kept, copies);
  await folder.prune();
  return folder;
}

/**
 * Copies of conversations on disk. A file's name is `<hash of engine and id>-<fence of the turn>`. The queue decides by
 * the fence which copy counts.
 */
class ConversationFolder implements KeptCopies {
  readonly #options: ConversationFolderOptions;
  readonly #folder: KeptFolder;
  readonly #copies: Map<string, Copy>;

  constructor(options: ConversationFolderOptions, folder: KeptFolder, copies: Map<string, Copy>) {
    this.#options = options;
    this.#folder = folder;
    this.#copies = copies;
  }

  find(copy: CopyId): Promise<Uint8Array | undefined> {
    return this.#orLog(async () => {
      const name = copy.fence === 0n ? this.#namesOf(hashOf(copy)).reduce(newer, "") : fileOf(copy);
      if (!this.#copies.has(name)) return undefined;
      return await this.#folder.files.read(name, { mostBytes: this.#options.bytes });
    }, undefined);
  }

  put(copy: CopyId, bytes: Uint8Array): Promise<boolean> {
    return this.#orLog(async () => {
      if (bytes.byteLength > this.#options.bytes) return false;
      const name = fileOf(copy);
      await this.#folder.write(name, bytes);
      this.#copies.set(name, { bytes: bytes.byteLength, atMs: Date.now(), counts: false });
      await this.prune();
      return true;
    }, false);
  }

  counted(copy: CopyId): Promise<void> {
    return this.#orLog(async () => {
      const name = fileOf(copy);
      const own = this.#copies.get(name);
      if (own) this.#copies.set(name, { ...own, counts: true });
      const names = this.#namesOf(hashOf(copy));
      const newest = names.filter((each) => this.#copies.get(each)?.counts).reduce(newer, name);
      for (const each of names) if (fenceOf(each) < fenceOf(newest)) await this.#remove(each);
    }, undefined);
  }

  /** Removes copies that are too old. Then removes the oldest copies until the rest is within the limits. */
  async prune(): Promise<void> {
    const { bytes: mostBytes, keptMs } = this.#options;
    const oldestFirst = [...this.#copies].toSorted(([, a], [, b]) => a.atMs - b.atMs);
    let total = oldestFirst.reduce((sum, [, { bytes }]) => sum + bytes, 0);
    let count = oldestFirst.length;
    for (const [name, { bytes, atMs }] of oldestFirst) {
      if (total <= mostBytes && count <= MOST_COPIES && Date.now() - atMs <= keptMs) return;
      await this.#remove(name);
      total -= bytes;
      count--;
    }
  }

  close(): Promise<void> {
    return this.#folder.close();
  }

  #namesOf(key: string): string[] {
    return [...this.#copies.keys()].filter((name) => keyOf(name) === key);
  }

  async #remove(name: string): Promise<void> {
    this.#copies.delete(name);
    await this.#folder.files.remove(name);
  }

  async #orLog<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await work();
    } catch (err) {
      this.#options.log.error({ err }, "conversations on disk cannot be used");
      return otherwise;
    }
  }
}

/** Ids come from engines, and may have characters that are not safe in a file name. */
const hashOf = ({ engine, engineId }: Omit<CopyId, "fence">): string =>
  createHash("sha256").update(`${engine}\0${engineId}`).digest("hex").slice(0, 40);
const fileOf = (copy: CopyId): string => `${hashOf(copy)}-${copy.fence}`;
const keyOf = (name: string): string => name.split("-", 1)[0] ?? "";
const fenceOf = (name: string): bigint => BigInt(/-(\d+)$/.exec(name)?.[1] ?? 0);
const newer = (a: string, b: string): string => (a === "" || fenceOf(b) > fenceOf(a) ? b : a);
