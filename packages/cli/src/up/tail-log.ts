import { type FileHandle, open } from "node:fs/promises";
import { logFiles } from "./fleet-log.js";

const CHUNK_BYTES = 64 * 1024;
const LINE_END = 0x0a;

export interface TailOptions {
  readonly path: string;
  /** The newest file, which the caller has open. */
  readonly file: FileHandle;
  /** How many lines are wanted at most. */
  readonly most: number;
  /** Whether a line is wanted. `stop`: neither is any older one. */
  readonly wanted: (line: string) => boolean | "stop";
}

/**
 * The last wanted lines of a log, oldest first, and the beginning of a line that is not complete yet (`rest`, which ends
 * at byte `end` of the newest file). It reads the files from their ends, so it keeps only the wanted lines and one
 * chunk in memory, however large the log is.
 */
export async function tailLog({ path, file, most, wanted }: TailOptions) {
  const found: string[] = [];
  /** Returns whether older lines may be wanted too. */
  const take = (line: string): boolean => {
    if (found.length >= most) return false;
    const answer = wanted(line);
    if (answer === true) found.push(line);
    return answer !== "stop" && found.length < most;
  };
  const { size, ino } = await file.stat();
  let rest = "";
  let goOn = await backwards(file, size, (line, complete) => {
    if (complete) return take(line);
    rest = line;
    return most > 0;
  });
  const [, ...older] = await logFiles(path);
  for (const each of older) {
    if (!goOn) break;
    const handle = await open(each).catch(() => undefined); // it may have become the next number meanwhile
    if (handle === undefined) continue;
    try {
      const { size: bytes, ino: number } = await handle.stat();
      if (number === ino) continue; // the newest file was renamed after the caller had opened it
      goOn = await backwards(handle, bytes, (line) => (line === "" ? true : take(line)));
    } finally {
      await handle.close();
    }
  }
  return { complete: found.reverse(), rest, end: size };
}

/**
 * Calls `each` with every line before byte `end`, the last one first, until it returns false. The first call has what
 * follows the last line end, which is not a complete line. Returns the answer of the last call.
 */
async function backwards(
  file: FileHandle,
  end: number,
  each: (line: string, complete: boolean) => boolean,
): Promise<boolean> {
  /** What follows the line end that was found last, in reverse order. */
  let pieces: Buffer[] = [];
  let complete = false;
  const line = (): boolean => {
    const text = Buffer.concat(pieces.reverse()).toString("utf8");
    pieces = [];
    const answer = each(text, complete);
    complete = true;
    return answer;
  };
  for (let position = end; position > 0; ) {
    const length = Math.min(CHUNK_BYTES, position);
    position -= length;
    const chunk = await readAt(file, position, length);
    let to = chunk.length;
    for (let at = chunk.lastIndexOf(LINE_END); at !== -1; at = at === 0 ? -1 : chunk.lastIndexOf(LINE_END, at - 1)) {
      pieces.push(chunk.subarray(at + 1, to));
      to = at;
      if (!line()) return false;
    }
    pieces.push(chunk.subarray(0, to));
  }
  return end === 0 ? true : line();
}

/** Up to `length` bytes from `position`; fewer at the end of the file. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
