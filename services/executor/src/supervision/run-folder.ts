import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { RunFolder } from "@ccsp/engine-kit";

/** A run's folders, which whoever made them removes. */
export interface OwnedRunFolder extends RunFolder {
  remove(): Promise<void>;
}

export async function createRunFolder(parent: string, name: string): Promise<OwnedRunFolder> {
  const path = join(parent, name);
  const folder: OwnedRunFolder = {
    path,
    work: join(path, "work"),
    home: join(path, "home"),
    tmp: join(path, "tmp"),
    remove: () => removeTree(path),
  };
  await mkdir(path, { recursive: true, mode: 0o700 });
  await Promise.all([folder.work, folder.home, folder.tmp].map((part) => mkdir(part, { mode: 0o700 })));
  return folder;
}

/** Removes a folder with all that is in it, also where an engine's tools took the right to write away, as Go's module cache does. */
export async function removeTree(path: string): Promise<void> {
  // A process that was just killed may still have been writing.
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  try {
    await remove();
  } catch {
    await makeWritable(path);
    await remove();
  }
}

async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await makeWritable(join(folder, entry.name));
  }
}
