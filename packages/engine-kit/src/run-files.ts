import { constants } from "node:fs";
import {
  chmod,
  type FileHandle,
  lstat,
  mkdir,
  open,
  opendir,
  readlink,
  realpath,
  rename,
  rmdir,
  unlink,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Files in folders that a run can write. A run may put a link, a pipe or another user's file in the place of a file,
 * and may swap a folder for a link at any time, also between a check and its use. So each component is opened without
 * following it and stays open while the next one is opened. No name is looked up twice. Everything else in the
 * executor and in engines uses `own-files.ts`, for places that no run can write; lint refuses `node:fs` elsewhere.
 */
export interface OpenFolder {
  /** Stays this folder, whatever its path names later. A child process may get it. */
  readonly fd: number;

  /**
   * Opens a folder below this one. `path` is one name or more, with `/` between them. Undefined: there is none. Rejects
   * with `FileRefused` if a component is not a folder, for example a link to one.
   */
  folder(path: string): Promise<OpenFolder | undefined>;

  /** Does the same, and makes every folder that does not exist, with access for this user only. */
  makeFolder(path: string): Promise<OpenFolder>;

  /**
   * Reads a file. Undefined: there is none. Rejects with `FileRefused` if it is not a regular file, if it has more than
   * `mostBytes`, if this user may not read it, or if it has a second link or another owner and is not `shared`. Never
   * waits for a pipe.
   */
  read(name: string, options: ReadOptions): Promise<Uint8Array | undefined>;

  /** What has this name. A link is not followed. Undefined: nothing. */
  facts(name: string): Promise<FileFacts | undefined>;

  /**
   * Opens what has this name, so that it can be mounted: neither to read nor to write, and a link is not followed. Only
   * on Linux. Undefined: there is nothing, or no regular file, folder or link.
   */
  hold(name: string): Promise<HeldEntry | undefined>;

  /** Looks at up to `most` names, in no order. `only`: returns those of links. */
  list(most: number, only?: "links"): Promise<readonly string[]>;

  /** Makes a file that only this user can read. Rejects if the name is in use. Leaves nothing behind if it fails. */
  create(name: string, content: string | Uint8Array): Promise<void>;

  /** Gives a file of this folder another name, in place of the file or the link that may have that name. */
  rename(from: string, to: string): Promise<void>;

  /**
   * Removes a file, a link itself, or a folder with all that is in it, also where this user may not write and at any
   * depth. Removes nothing outside this folder. It is not an error if the name does not exist.
   */
  remove(name: string): Promise<void>;

  /** Idempotent. */
  close(): Promise<void>;
}

export interface ReadOptions {
  readonly mostBytes: number;
  /** For a folder that people share: the file may have another owner and further links. */
  readonly shared?: boolean;
}

/** A link is not open: it has only the text where it leads. */
export type HeldEntry =
  | { readonly kind: "file" | "folder"; readonly fd: number; close(): Promise<void> }
  | { readonly kind: "link"; readonly target: string };

export interface FileFacts {
  /** A regular file of this user, with one link. */
  readonly plain: boolean;
  readonly bytes: number;
  /** When its content changed, in ms since the epoch. */
  readonly changedMs: number;
}

/** Why a file or folder is not used. `link` is also said of a loop of links. */
export type RefusedFor = "link" | "kind" | "links" | "owner" | "bytes" | "access";

const REASONS: Readonly<Record<RefusedFor, string>> = {
  link: "is a link",
  kind: "is not a regular file or folder, as was expected",
  links: "has more than one link",
  owner: "belongs to another user",
  bytes: "has too many bytes",
  access: "may not be read by this user",
};

/** What is at a place is not what the executor takes from a run. */
export class FileRefused extends Error {
  override readonly name = "FileRefused";

  constructor(
    name: string,
    readonly why: RefusedFor,
  ) {
    super(`${name} ${REASONS[why]}`);
  }
}

/**
 * Opens a folder by an absolute path, without following a link at any component. Undefined: there is none. Rejects with
 * `FileRefused` if a component is not a folder.
 */
export async function openFolder(path: string): Promise<OpenFolder | undefined> {
  if (!path.startsWith("/")) throw new Error("the path of a folder has to be absolute");
  const names = path.split("/").filter((name) => name !== "");
  if (WITHOUT_PROC) return await orAbsent(openHere(join("/", ...names)));
  return await orAbsent(descend(await openHere("/"), names, false));
}

/** Opens a folder by a path that no run can change. So links in it are the operator's, and are followed. */
export async function openTrustedFolder(path: string): Promise<OpenFolder | undefined> {
  return await orAbsent(WITHOUT_PROC ? realpath(path).then(openHere) : openHere(path, FOLLOWED));
}

/** Uses a folder when it is open, and closes it. Undefined: there is none. */
export async function inFolder<T>(
  opening: Promise<OpenFolder | undefined>,
  use: (folder: OpenFolder) => Promise<T>,
): Promise<T | undefined> {
  const folder = await opening;
  try {
    return folder && (await use(folder));
  } finally {
    await folder?.close();
  }
}

/**
 * Makes a file that only this user can read, by a path below the folder of a run, with the folders on that path.
 * Rejects if the file exists, or if the run's folder does not.
 */
export async function createBelow(folder: string, path: string, content: string | Uint8Array): Promise<void> {
  const made = await inFolder(openFolder(folder), async (run) => {
    const parent = dirname(path);
    if (parent === ".") await run.create(path, content);
    else await inFolder(run.makeFolder(parent), (below) => below.create(basename(path), content));
    return true;
  });
  if (!made) throw noRunFolder();
}

/**
 * Makes a folder that only this user can enter, by a path below the folder of a run, with the folders on that path. It
 * is not an error if it exists.
 */
export async function makeFolderBelow(folder: string, path: string): Promise<void> {
  const made = await inFolder(openFolder(folder), (run) => inFolder(run.makeFolder(path), async () => true));
  if (!made) throw noRunFolder();
}

/** What is at the end of a path, after all links are followed. It may be another by the time that it is opened. */
export async function followLinks(
  path: string,
): Promise<{ readonly real: string; readonly kind: "file" | "folder" | "other" } | undefined> {
  try {
    const real = await realpath(path);
    const stats = await lstat(real);
    return { real, kind: stats.isFile() ? "file" : stats.isDirectory() ? "folder" : "other" };
  } catch {
    return undefined;
  }
}

/**
 * macOS has no /proc, so names there cannot be looked up in an open folder. It has O_NOFOLLOW_ANY, which refuses a link
 * at any component of a path (<sys/fcntl.h>). What has no flags, such as a rename, checks the folder just before. That
 * leaves a moment for a swap; but macOS has no sandbox for runs either, so a run there can do the same by itself.
 */
const WITHOUT_PROC = process.platform === "darwin";
const NO_LINKS = WITHOUT_PROC ? 0x20000000 : constants.O_NOFOLLOW;
/** With O_PATH (Linux), a folder needs no permission to read, and nothing that is not a folder is really opened. */
const FOLLOWED = constants.O_DIRECTORY | (WITHOUT_PROC ? constants.O_RDONLY : 0o10000000);
const FOLDER = FOLLOWED | NO_LINKS;
const HELD = 0o10000000 | NO_LINKS;
/** O_NONBLOCK: the open of a pipe, or of a file with a lease, does not wait. */
const READ = NO_LINKS | constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
const CREATE = NO_LINKS | constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

/** Folders that a removal has open at the same time. */
const DEEPEST = 32;
/** A process that was just killed may still be writing. */
const REMOVE_TRIES = 6;
const REMOVE_AGAIN_MS = 20;

class HeldFolder implements OpenFolder {
  readonly #handle: FileHandle;
  /** Where the names of this folder are looked up. */
  readonly #place: string;

  constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#place = WITHOUT_PROC ? path : `/proc/self/fd/${handle.fd}`;
  }

  get fd(): number {
    return this.#handle.fd;
  }

  folder(path: string): Promise<OpenFolder | undefined> {
    return orAbsent(this.#below(path, false));
  }

  makeFolder(path: string): Promise<OpenFolder> {
    return this.#below(path, true);
  }

  async read(name: string, { mostBytes, shared = false }: ReadOptions): Promise<Uint8Array | undefined> {
    const file = await orAbsent(open(this.#at(name), READ).catch((error: unknown) => refuse(error, name)));
    try {
      if (file === undefined) return undefined;
      const stats = await file.stat();
      if (!stats.isFile()) throw new FileRefused(name, "kind");
      if (!shared && stats.nlink !== 1) throw new FileRefused(name, "links");
      if (!shared && !isOurs(stats)) throw new FileRefused(name, "owner");
      if (stats.size > mostBytes) throw new FileRefused(name, "bytes");
      const chunks: Uint8Array[] = [];
      // Reads at most one byte more than the limit: the file may grow meanwhile.
      for await (const chunk of file.createReadStream({ end: mostBytes, autoClose: false })) chunks.push(chunk);
      const content = new Uint8Array(Buffer.concat(chunks));
      if (content.byteLength > mostBytes) throw new FileRefused(name, "bytes");
      return content;
    } finally {
      await file?.close();
    }
  }

  async facts(name: string): Promise<FileFacts | undefined> {
    await this.#check();
    const stats = await orAbsent(lstat(this.#at(name)));
    const plain = stats !== undefined && stats.isFile() && stats.nlink === 1 && isOurs(stats);
    return stats && { plain, bytes: stats.size, changedMs: stats.mtimeMs };
  }

  async hold(name: string): Promise<HeldEntry | undefined> {
    const path = this.#at(name);
    const handle = await orAbsent(open(path, HELD).catch((error: unknown) => refuse(error, name)));
    const stats = await handle?.stat().catch(async (error: unknown) => {
      await handle.close();
      throw error;
    });
    if (handle && stats && (stats.isFile() || stats.isDirectory()))
      return { kind: stats.isFile() ? "file" : "folder", fd: handle.fd, close: () => handle.close() };
    await handle?.close();
    // By now it may be something else: then it is not a link.
    const target = stats?.isSymbolicLink() ? await readlink(path).catch(() => undefined) : undefined;
    return target === undefined ? undefined : { kind: "link", target };
  }

  async list(most: number, only?: "links"): Promise<readonly string[]> {
    await this.#check();
    const names: string[] = [];
    if (most <= 0) return names;
    let left = most;
    for await (const entry of await opendir(this.#place)) {
      if (only !== "links" || entry.isSymbolicLink()) names.push(entry.name);
      if (--left === 0) break;
    }
    return names;
  }

  async create(name: string, content: string | Uint8Array): Promise<void> {
    const file = await open(this.#at(name), CREATE, PRIVATE_FILE);
    try {
      await file.writeFile(content);
    } catch (error) {
      // For example, the disk is full.
      await unlink(this.#at(name)).catch(() => {});
      throw error;
    } finally {
      await file.close();
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#check();
    await rename(this.#at(from), this.#at(to));
  }

  async remove(name: string): Promise<void> {
    await this.#check();
    const entry = Buffer.from(name);
    const isFolder = (await orAbsent(lstat(this.#at(entry))))?.isDirectory();
    if (isFolder === undefined) return;
    if (isFolder) await this.#removeFolder(entry);
    else await orAbsent(unlink(this.#at(entry)));
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #below(path: string, make: boolean): Promise<HeldFolder> {
    const names = path.split("/");
    // Its own descriptor: `descend` closes what it comes from.
    return await descend(await openHere(this.#place, WITHOUT_PROC ? FOLDER : FOLLOWED), names, make);
  }

  /** A name is one component. A buffer is a name that the system gave, in whatever encoding. */
  #at(name: string | Buffer): string | Buffer {
    if (typeof name === "string") return join(this.#place, component(name));
    return Buffer.concat([Buffer.from(`${this.#place}/`), name]);
  }

  /** Opens the folder `name` in this one. */
  async next(name: string | Buffer): Promise<HeldFolder> {
    const path = this.#at(name);
    return new HeldFolder(
      await open(path, FOLDER).catch((error: unknown) => refuse(error, String(name))),
      String(path),
    );
  }

  async make(name: string): Promise<void> {
    await this.#check();
    await mkdir(this.#at(name), { mode: PRIVATE_FOLDER }).catch((error: unknown) => {
      if (codeOf(error) !== "EEXIST") throw error;
    });
  }

  /** Where names cannot be looked up in an open folder: rejects if the path now leads elsewhere. */
  async #check(): Promise<void> {
    if (!WITHOUT_PROC) return;
    const now = await open(this.#place, FOLDER).catch((error: unknown) => refuse(error, "a folder"));
    try {
      const [held, found] = [await this.#handle.stat(), await now.stat()];
      if (held.ino !== found.ino || held.dev !== found.dev) throw new FileRefused("a folder", "link");
    } finally {
      await now.close();
    }
  }

  async #removeFolder(name: Buffer): Promise<void> {
    for (let tries = 1; ; tries++) {
      const folder = await orAbsent(this.next(name));
      if (folder === undefined) return;
      try {
        await folder.#makeWritable();
        // What is too deep to be open all at once comes to the top, and is removed in the next round.
        while (await folder.#empty(folder, 1));
      } finally {
        await folder.close();
      }
      try {
        await orAbsent(rmdir(this.#at(name)));
        return;
      } catch (error) {
        if (codeOf(error) !== "ENOTEMPTY" || tries === REMOVE_TRIES) throw error;
        await delay(REMOVE_AGAIN_MS);
      }
    }
  }

  /** Removes what is in this folder. True: it moved folders to `top`. */
  async #empty(top: HeldFolder, depth: number): Promise<boolean> {
    let moved = false;
    for await (const entry of await opendir(Buffer.from(this.#place), { encoding: "latin1" })) {
      // Every byte of a name, in whatever encoding it is.
      const name = Buffer.from(entry.name, "latin1");
      const folder = entry.isDirectory() ? await orAbsent(this.next(name)) : undefined;
      if (folder === undefined) {
        await orAbsent(unlink(this.#at(name)));
        continue;
      }
      try {
        await folder.#makeWritable();
        if (depth < DEEPEST) moved = (await folder.#empty(top, depth + 1)) || moved;
        else {
          await rename(this.#at(name), top.#at(unusedName()));
          moved = true;
          continue;
        }
      } finally {
        await folder.close();
      }
      // Not empty: a process is still writing. The caller tries again.
      await rmdir(this.#at(name)).catch((error: unknown) => {
        if (codeOf(error) !== "ENOTEMPTY" && codeOf(error) !== "ENOENT") throw error;
      });
    }
    return moved;
  }

  /** Tools may take their own folders' permission to write, as Go's module cache does. */
  async #makeWritable(): Promise<void> {
    const { mode } = await this.#handle.stat();
    if ((mode & PRIVATE_FOLDER) !== PRIVATE_FOLDER) await chmod(this.#place, PRIVATE_FOLDER);
  }
}

async function openHere(path: string, flags = FOLDER): Promise<HeldFolder> {
  return new HeldFolder(await open(path, flags).catch((error: unknown) => refuse(error, "a folder")), path);
}

/** Opens one folder after the other, each in the one before, which it closes. */
async function descend(from: HeldFolder, names: readonly string[], make: boolean): Promise<HeldFolder> {
  let folder = from;
  for (const name of names) {
    try {
      if (make) await folder.make(name);
      const next = await folder.next(name);
      await folder.close();
      folder = next;
    } catch (error) {
      await folder.close();
      throw error;
    }
  }
  return folder;
}

function component(name: string): string {
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
    throw new Error("a name of a file is one component of a path");
  }
  return name;
}

const noRunFolder = (): Error => new Error("the folder of the run does not exist");

const isOurs = ({ uid }: { readonly uid: number }): boolean => uid === process.geteuid?.();

const unusedName = (): Buffer => Buffer.from(`ccsp-${process.hrtime.bigint()}-${Math.random().toString(36).slice(2)}`);

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);

async function orAbsent<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** ENXIO: a socket. EWOULDBLOCK: a process holds a lease on the file. */
function refuse(error: unknown, name: string): never {
  const code = codeOf(error);
  if (code === "ELOOP") throw new FileRefused(name, "link");
  if (code === "EACCES") throw new FileRefused(name, "access");
  if (code === "ENOTDIR" || code === "ENXIO" || code === "EAGAIN") throw new FileRefused(name, "kind");
  throw error;
}
