import { chmod, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";

export const PRIVATE_FOLDER = 0o700;
export const PRIVATE_FILE = 0o600;

/**
 * Makes `folder` if it does not exist, and gives only its owner access to it and to everything inside: folders get
 * 0700, files 0600. This includes files and folders that existed before. Links and their targets stay unchanged.
 */
export async function openPrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
  await makePrivate(folder);
}

async function makePrivate(folder: string): Promise<void> {
  await chmod(folder, PRIVATE_FOLDER);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await makePrivate(path);
    else if (entry.isFile()) await chmod(path, PRIVATE_FILE);
  }
}
