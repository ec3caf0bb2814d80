import { access, constants, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join, resolve } from "node:path";

/** Absolute path of an executable: `name` itself when it is a path, else what `searchPath` has. Undefined when there is none. */
export async function findExecutable(name: string, searchPath: string): Promise<string | undefined> {
  const folders = searchPath.split(delimiter).filter((folder) => isAbsolute(folder));
  const candidates = name.includes("/") ? [resolve(name)] : folders.map((folder) => join(folder, name));
  for (const candidate of candidates) if (await isExecutable(candidate)) return candidate;
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
