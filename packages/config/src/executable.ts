import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";

/**
 * Absolute path of an executable file: `name` itself when it is a path, else the first in the absolute folders of `searchPath`, which is written
 * as PATH is. Undefined when there is none.
 */
export function findExecutable(name: string, searchPath: string): string | undefined {
  const folders = searchPath.split(delimiter).filter((folder) => isAbsolute(folder));
  const candidates = name.includes("/") ? [resolve(name)] : folders.map((folder) => join(folder, name));
  return candidates.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
