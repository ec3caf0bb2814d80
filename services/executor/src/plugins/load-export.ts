import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { resolveOurs } from "./resolve-ours.js";

/**
 * Loads a plugin and returns its export `name`. Undefined if there is no such export. Rejects if the package or file
 * cannot be loaded.
 */
export async function loadExport(specifier: string, name: string): Promise<unknown> {
  if (specifier.startsWith(".")) throw new Error("is neither an absolute path nor the name of a package");
  resolveOurs();
  // The import starts from this module. So it finds packages that are installed beside the executor's own.
  const module: unknown = await import(isAbsolute(specifier) ? pathToFileURL(specifier).href : specifier);
  return Object.entries(Object(module)).find(([exported]) => exported === name)?.[1];
}

/** Throws unless settings and metrics can contain the name. */
export function checkName(name: string): void {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) throw new Error("its name is not 1 to 63 of a-z 0-9 -");
}

/** The name in the form that names of settings use. */
export const inSettings = (name: string): string => name.toUpperCase().replaceAll("-", "_");
