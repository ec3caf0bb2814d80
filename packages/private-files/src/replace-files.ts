import { rename, rm, writeFile } from "node:fs/promises";
import { PRIVATE_FILE } from "./private-folder.js";

/**
 * Writes a file that only its owner can read, in place of the one that may be there. The file gets its name only when it
 * is safely on the disk. So nobody reads half of it, not even after a full disk or a power cut.
 */
export const replaceFile = (path: string, content: string): Promise<void> => replaceFiles({ [path]: content });

/**
 * Does this for files that belong together, by their paths. They get their names one directly after the other, in this
 * order, when all of them are on the disk. So the time in which a reader finds old and new ones together is short.
 */
export async function replaceFiles(contents: Readonly<Record<string, string>>): Promise<void> {
  const drafts = Object.entries(contents).map(([path, content]) => ({
    path,
    content,
    draft: `${path}.${process.pid}`,
  }));
  try {
    for (const { draft, content } of drafts) await writeFile(draft, content, { mode: PRIVATE_FILE, flush: true });
    for (const { draft, path } of drafts) await rename(draft, path);
  } catch (error) {
    for (const { draft } of drafts) await rm(draft, { force: true });
    throw error;
  }
}
