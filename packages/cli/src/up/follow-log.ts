import { type FileHandle, open, stat } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as delay } from "node:timers/promises";
import { readAt } from "./tail-log.js";

export interface FollowOptions {
  readonly path: string;
  /** The open log, which was read up to byte `from`. The caller keeps it open. */
  readonly file: FileHandle;
  readonly from: number;
  /** The beginning of a line, which ends at `from`. */
  readonly rest: string;
  readonly show: (line: string) => void;
  readonly signal: AbortSignal;
}

const POLL_MS = 200;
const CHUNK_BYTES = 64 * 1024;

/** Shows each new line of a log until the signal aborts. It continues after the log was renamed and begun again. */
export async function followLog({ path, file, from, rest: begun, show, signal }: FollowOptions): Promise<void> {
  let decoder = new StringDecoder("utf8");
  let [current, rest, position] = [file, begun, from];
  const showNew = async (): Promise<void> => {
    for (;;) {
      const bytes = await readAt(current, position, CHUNK_BYTES);
      position += bytes.length;
      const complete = (rest + decoder.write(bytes)).split("\n");
      rest = complete.pop() ?? "";
      for (const line of complete) show(line);
      if (bytes.length < CHUNK_BYTES) return;
    }
  };
  try {
    while (!signal.aborted) {
      await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
      // This check comes before the last read. So that read also gets what was written before the rename.
      const newer = (await isAt(path, current)) ? undefined : await open(path).catch(() => undefined);
      await showNew();
      if (newer === undefined) continue;
      if (current !== file) await current.close();
      [current, rest, position, decoder] = [newer, "", 0, new StringDecoder("utf8")];
      await showNew();
    }
  } finally {
    if (current !== file) await current.close();
  }
}

async function isAt(path: string, file: FileHandle): Promise<boolean> {
  const [there, ours] = await Promise.all([stat(path).catch(() => undefined), file.stat()]);
  return there?.ino === ours.ino && there.dev === ours.dev;
}
