import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Channel, Message } from "../../domain/channel.js";
import { toJsonLine } from "../../text/json-line.js";
import { summaryOf } from "../../text/render.js";

export interface FileSettings {
  /** An absolute path. */
  readonly path: string;
  /** The file is rotated before a line that would make it larger. 0: never. */
  readonly maxBytes: number;
  /** Number of rotated files that are kept. */
  readonly keep: number;
}

/**
 * Appends each notice as one JSON line, in one write, so that lines of several processes do not mix. If the file does
 * not exist, it is made. Only its owner has access to it, also if it existed before. If the file was moved or removed,
 * it is opened again, so others may rotate it by renaming too. By itself it is renamed to `PATH.1` when it is full, and
 * older ones to `PATH.2` and so on.
 *
 * A notice counts as accepted when the operating system has it. A host that loses power may lose the last lines.
 */
export function createFileChannel(name: string, { path, maxBytes, keep }: FileSettings): Channel {
  let file: FileHandle | undefined;
  /** True if the last write was incomplete, so that its line has no end. */
  let torn = false;
  let last: Promise<unknown> = Promise.resolve();

  const leave = async (): Promise<void> => {
    const left = file;
    file = undefined;
    torn = false;
    await left?.close();
  };
  const append = async (line: string): Promise<void> => {
    if (file !== undefined && !(await isAt(path, file))) await leave();
    file ??= await openForAppend(path);
    const bytes = Buffer.from(`${torn ? "\n" : ""}${line}\n`);
    if (maxBytes > 0) {
      const { size } = await file.stat();
      if (size > 0 && size + bytes.length > maxBytes) {
        await leave();
        await rotate(path, keep, maxBytes - bytes.length);
        file = await openForAppend(path);
      }
    }
    const { bytesWritten } = await file.write(bytes);
    torn = bytesWritten < bytes.length;
    if (torn) throw new Error(`only ${bytesWritten} of ${bytes.length} bytes could be written to ${path}`);
  };

  return {
    target: path,
    // Writes run one after the other. Only then is the check for a moved file valid for the write that follows.
    deliver: (message) => {
      const done = last.then(() => append(lineOf(name, message)));
      last = done.catch(() => undefined);
      return done;
    },
    close: async () => {
      await last;
      await leave();
    },
  };
}

function lineOf(channel: string, { id, notice, repeats, time }: Message): string {
  const { kind: eventType, time: eventTime, taskId, agentId } = notice;
  const summary = summaryOf(notice, repeats);
  return toJsonLine({ id, eventType, eventTime, taskId, agentId, summary, channel, deliveryTime: time });
}

/**
 * Renames the full file to `PATH.1`, and before that `PATH.1` to `PATH.2` and so on. Another process may have rotated it
 * meanwhile: then the file is not full any more.
 */
async function rotate(path: string, keep: number, room: number): Promise<void> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined || info.size <= room) return;
  await rm(`${path}.${keep}`, { force: true });
  for (let at = keep - 1; at >= 1; at--) await rename(`${path}.${at}`, `${path}.${at + 1}`).catch(unlessMissing);
  await rename(path, `${path}.1`).catch(unlessMissing);
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
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
