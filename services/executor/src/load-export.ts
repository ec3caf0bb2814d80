import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { resolveOurs } from "./resolve-ours.js";

/** What a plugin exports under `name`; undefined: nothing. Rejects when the package or file cannot be loaded. */
export async function loadExport(specifier: string, name: string): Promise<unknown> {
  if (specifier.startsWith(".")) throw new Error("is no absolute path and no name of a package");
  resolveOurs();
  // From here a package is found beside the executor's own.
  const module: unknown = await import(isAbsolute(specifier) ? pathToFileURL(specifier).href : specifier);
  return Object.entries(Object(module)).find(([exported]) => exported === name)?.[1];
}

/** Names that settings and metrics can have in them. */
export function checkName(name: string): void {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) throw new Error("its name is not 1 to 63 of a-z 0-9 -");
}

/** As it is written in names of settings. */
export const inSettings = (name: string): string => name.toUpperCase().replaceAll("-", "_");
