import { type FileHandle, open, stat } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as delay } from "node:timers/promises";

export interface FollowOptions {
  readonly path: string;
  /** The open log, which was read up to `rest`, the beginning of a line. The caller keeps it open. */
  readonly file: FileHandle;
  readonly rest: string;
  readonly show: (line: string) => void;
  readonly signal: AbortSignal;
}

const POLL_MS = 200;

/** Shows each new line of a log until the signal aborts. It continues after the log was renamed and begun again. */
export async function followLog({ path, file, rest: begun, show, signal }: FollowOptions): Promise<void> {
  let decoder = new StringDecoder("utf8");
  let [current, rest] = [file, begun];
  const showNew = async (): Promise<void> => {
    const complete = (rest + decoder.write(await current.readFile())).split("\n");
    rest = complete.pop() ?? "";
    for (const line of complete) show(line);
  };
  try {
    while (!signal.aborted) {
      await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
      // This check comes before the last read. So that read also gets what was written before the rename.
      const newer = (await isAt(path, current)) ? undefined : await open(path).catch(() => undefined);
      await showNew();
      if (newer === undefined) continue;
      if (current !== file) await current.close();
      [current, rest, decoder] = [newer, "", new StringDecoder("utf8")];
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
