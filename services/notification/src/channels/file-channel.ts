import { type FileHandle, mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Channel } from "../domain/channel.js";
import { toJsonLine } from "../message.js";

export interface FileChannel extends Channel {
  close(): Promise<void>;
}

/**
 * Appends each delivery as one JSON line, in one write, so that lines of several processes do not mix. If the file does
 * not exist, it is made. Only its owner has access to it, also if it existed before. If the file was moved or removed,
 * it is opened again, so it can be rotated by renaming.
 *
 * A delivery counts as accepted when the operating system has it. A host that loses power may lose the last lines.
 */
export function createFileChannel(path: string): FileChannel {
  let file: FileHandle | undefined;
  /** True if the last write was incomplete, so that its line has no end. */
  let torn = false;
  let last: Promise<unknown> = Promise.resolve();

  const append = async (line: string): Promise<void> => {
    if (file !== undefined && !(await isAt(path, file))) {
      const moved = file;
      file = undefined;
      torn = false;
      await moved.close();
    }
    file ??= await openForAppend(path);
    const bytes = Buffer.from(`${torn ? "\n" : ""}${line}\n`);
    const { bytesWritten } = await file.write(bytes);
    torn = bytesWritten < bytes.length;
    if (torn) throw new Error(`only ${bytesWritten} of ${bytes.length} bytes could be written to ${path}`);
  };

  return {
    name: "file",
    // Writes run one after the other. Only then is the check for a moved file valid for the write that follows.
    deliver: (delivery) => {
      const done = last.then(() => append(toJsonLine(delivery)));
      last = done.catch(() => undefined);
      return done;
    },
    close: async () => {
      await last;
      await file?.close();
      file = undefined;
    },
  };
}

async function isAt(path: string, file: FileHandle): Promise<boolean> {
  const [there, ours] = await Promise.all([stat(path).catch(() => undefined), file.stat()]);
  return there !== undefined && there.ino === ours.ino && there.dev === ours.dev;
}

async function openForAppend(path: string): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, "a", OWNER_ONLY);
  try {
    // An older file, or one that a rotation has made, may be readable by every user. A file of another user stays
    // unchanged: its mode is for that user to set.
    const info = await file.stat();
    const ours = info.isFile() && info.uid === process.getuid?.();
    if (ours && (info.mode & 0o777) !== OWNER_ONLY) await file.chmod(OWNER_ONLY);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

const OWNER_ONLY = 0o600;
