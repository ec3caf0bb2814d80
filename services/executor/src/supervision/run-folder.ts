import { chmod, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { RunFolder } from "@ccsp/engine-kit";

/** A run's folders. The caller that creates them must remove them. */
export interface OwnedRunFolder extends RunFolder {
  remove(): Promise<void>;
}

/**
 * Creates a run's folders. The temporary folder has a short name in `temporary`. The others are in `parent`, in a
 * folder with the run's name.
 */
export async function createRunFolder(parent: string, name: string, temporary: string): Promise<OwnedRunFolder> {
  const path = join(parent, name);
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  const tmp = await mkdtemp(`${temporary}/`);
  const folder: OwnedRunFolder = {
    path,
    work: join(path, "work"),
    home: join(path, "home"),
    tmp,
    async remove() {
      // If one folder cannot be removed, the other is removed nevertheless.
      const both = await Promise.allSettled([removeTree(path), removeTree(tmp)]);
      for (const one of both) if (one.status === "rejected") throw one.reason;
    },
  };
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await Promise.all([folder.work, folder.home].map((part) => mkdir(part, { mode: 0o700 })));
  } catch (err) {
    await removeTree(tmp);
    throw err;
  }
  return folder;
}

/**
 * Removes a folder with all its content. This also works if an engine's tools removed the write permission, as Go's
 * module cache does.
 */
export async function removeTree(path: string): Promise<void> {
  // Retries, because a process that was just killed may still be writing.
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
