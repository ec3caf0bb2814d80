import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** The throwaway folders of one run; only their owner may enter. */
export interface RunFolder {
  readonly path: string;
  /** Where the engine works. */
  readonly work: string;
  /** Its HOME. */
  readonly home: string;
  /** Its TMPDIR. */
  readonly tmp: string;
  remove(): Promise<void>;
}

export async function createRunFolder(parent: string, name: string): Promise<RunFolder> {
  const path = join(parent, name);
  const folder: RunFolder = {
    path,
    work: join(path, "work"),
    home: join(path, "home"),
    tmp: join(path, "tmp"),
    // A process that was just killed may still have been writing.
    remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 }),
  };
  await mkdir(path, { recursive: true, mode: 0o700 });
  for (const part of [folder.work, folder.home, folder.tmp]) await mkdir(part, { mode: 0o700 });
  return folder;
}
