import { rename, rm, writeFile } from "node:fs/promises";
import { PRIVATE_FILE } from "@ccsp/fleet";

/**
 * Writes a file that only its owner can read, in place of the one that may be there. The file gets its name only when it
 * is safely on the disk. So nobody reads half of it, not even after a full disk or a power cut.
 */
export async function replaceFile(path: string, content: string): Promise<void> {
  const draft = `${path}.${process.pid}`;
  try {
    await writeFile(draft, content, { mode: PRIVATE_FILE, flush: true });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
