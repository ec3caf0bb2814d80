import { closeSync, fchmodSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { PRIVATE_FILE } from "@ccsp/private-files";

/** `bytes` is the largest size of a file. `files` is the largest number of files, including the current one. */
export interface LogBounds {
  readonly bytes: number;
  readonly files: number;
}

const LOG_BOUNDS: LogBounds = { bytes: 10 * 1024 * 1024, files: 10 };

export interface FleetLog {
  /** Appends a line. Never throws. Returns false when the line was not written, or not completely. */
  append(line: string): boolean;
  close(): void;
}

/**
 * The log of a fleet in the background. The next fleet appends to the same file. Only the owner can read it. When the
 * file would become too large, it is renamed to `fleet.log.1`, the previous one to `fleet.log.2`, and so on; the oldest
 * file is removed. Each line is written at once, so that a crash loses nothing. This is our own code because the npm
 * packages that rotate files buffer lines, and they close the stream at the first write that fails.
 */
export function openFleetLog(path: string, bounds: LogBounds = LOG_BOUNDS): FleetLog {
  let fd: number | undefined;
  let size = 0;
  /** A write stopped early and left a line without an end. */
  let torn = false;

  const open = (): number => {
    if (fd !== undefined) return fd;
    fd = openSync(path, "a", PRIVATE_FILE);
    const info = fstatSync(fd);
    if (info.isFile()) fchmodSync(fd, PRIVATE_FILE);
    size = info.size;
    return fd;
  };
  const close = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  const rotate = (): void => {
    close();
    for (let number = bounds.files - 1; number > 0; number -= 1) moveUp(path, number);
    torn = false;
  };

  return {
    append(line) {
      const bytes = Buffer.from(`${torn ? "\n" : ""}${line}\n`);
      try {
        open();
        if (size > 0 && size + bytes.length > bounds.bytes) rotate();
        const written = writeSync(open(), bytes);
        size += written;
        torn = written < bytes.length;
        return !torn;
      } catch {
        // The next line opens the file again: a person who frees disk space may have removed this file.
        try {
          close();
        } catch {}
        return false;
      }
    },
    close,
  };
}

/** The files of a log, newest first. */
export async function logFiles(path: string): Promise<readonly string[]> {
  const name = basename(path);
  const older = (await readdir(dirname(path)).catch(() => []))
    .flatMap((file) => (file.startsWith(`${name}.`) && /^\d+$/.test(file.slice(name.length + 1)) ? [file] : []))
    .sort((a, b) => Number(a.slice(name.length + 1)) - Number(b.slice(name.length + 1)));
  return [path, ...older.map((file) => join(dirname(path), file))];
}

function moveUp(path: string, number: number): void {
  try {
    renameSync(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}
