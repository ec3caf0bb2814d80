import { delimiter } from "node:path";
import type { Settings } from "@ccsp/config";
import { operatorFiles } from "./own-files.js";

export const STANDARD_PATH = ["/usr/local/bin", "/usr/bin", "/bin"];

/** The folders in which executables are searched: the PATH of the executor itself. */
export const searchPath = (settings: Settings): string =>
  settings.text("PATH", "where executables are looked for; engines do not get it", {
    default: STANDARD_PATH.join(delimiter),
  });

/**
 * Reads `NAME=value` lines; `#` starts a comment line. Rejects with the setting that names the file, and with the line's
 * number, never with its content.
 */
export async function readEnvironmentFile(path: string, setting: string): Promise<Readonly<Record<string, string>>> {
  const declared: Record<string, string> = {};
  const content = await operatorFiles.readFile(path, "utf8").catch((error: unknown) => {
    throw new Error(`${setting}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  });
  for (const [index, raw] of content.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined)
      throw new Error(`${setting}: line ${index + 1} of ${path} is not NAME=value`);
    declared[name] = value;
  }
  return declared;
}

/** The host of an http or https URL as `RunAccess` names it: `name:port`. */
export function hostOf(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port || (protocol === "http:" ? "80" : "443")}`;
}
