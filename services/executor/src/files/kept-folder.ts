import { basename, dirname } from "node:path";
import { type OpenFolder, openTrustedFolder } from "@ccsp/engine-kit";

/** Suffix of a file that is not completely written. */
const PENDING = ".pending";

/** Whether a boot that ended while it wrote has left this file. */
export const isPending = (name: string): boolean => name.endsWith(PENDING);

/** A folder in the executor's own folder, where no run can write. It outlives the executor. */
export interface KeptFolder {
  /** Stays open: whatever gets its name later, the files are in this folder. */
  readonly files: OpenFolder;
  /** A file has its name only when it is complete. It replaces an earlier one of this name. Only its owner can read it. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Removes the folder if it is empty. */
  close(): Promise<void>;
}

/** Makes the folder if it does not exist. Rejects if it cannot be used, or if the folder around it does not exist. */
export async function openKeptFolder(path: string): Promise<KeptFolder> {
  const parent = await openTrustedFolder(dirname(path));
  if (parent === undefined) throw new Error(`${dirname(path)} does not exist`);
  const files = await parent.makeFolder(basename(path)).catch(async (err: unknown) => {
    await parent.close();
    throw err;
  });
  return {
    files,
    async write(name, bytes) {
      const pending = `${name}${PENDING}`;
      await files.remove(pending);
      await files.create(pending, bytes);
      try {
        await files.rename(pending, name);
      } catch (err) {
        await files.remove(pending);
        throw err;
      }
    },
    async close() {
      if ((await files.list(1)).length === 0) await parent.remove(basename(path));
      await files.close();
      await parent.close();
    },
  };
}
