import { basename, dirname, join } from "node:path";
import { inFolder, makeFolderBelow, openTrustedFolder, type RunFolder } from "@ccsp/engine-kit";
import { executorFiles } from "@ccsp/engine-kit/own-files";

const { mkdir, mkdtemp } = executorFiles;

/** A run's folders. The caller that creates them must remove them. */
export interface OwnedRunFolder extends RunFolder {
  remove(): Promise<void>;
}

/**
 * Creates a run's folders. The temporary folder has a short name in `temporary`. The others are in `parent`, in a
 * folder with the run's name. Rejects if there is a run of this name.
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
    await mkdir(parent, { recursive: true, mode: 0o700 });
    // Another run of this name would get the same folders, and lose them when the first one ends.
    await mkdir(path, { mode: 0o700 });
    for (const part of ["work", "home"]) await makeFolderBelow(path, part);
  } catch (err) {
    await removeTree(tmp);
    throw err;
  }
  return folder;
}

/**
 * Removes a folder with all its content. Its parent is a folder of the executor. This also works if an engine's tools
 * removed the write permission, as Go's module cache does.
 */
export async function removeTree(path: string): Promise<void> {
  await inFolder(openTrustedFolder(dirname(path)), (parent) => parent.remove(basename(path)));
}
