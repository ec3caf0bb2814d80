import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { findExecutable } from "@ccsp/config";

/** The repository that this package lies in. */
const REPOSITORY_ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * The absolute path of a program: what `variable` names in the environment, else the first on PATH, else what deploy/setup.sh put in
 * .tools/bin of the repository. Throws with the ways to get it when there is none.
 */
export function findBinary(name: string, variable: string): string {
  const named = process.env[variable];
  if (named !== undefined && named !== "") {
    const found = findExecutable(resolve(named), "");
    if (found) return found;
    throw new Error(`${variable} names ${named}, which is not an executable file`);
  }
  const searchPath = [process.env["PATH"] ?? "", join(REPOSITORY_ROOT, ".tools", "bin")].join(delimiter);
  const found = findExecutable(name, searchPath);
  if (found) return found;
  throw new Error(`${name} was not found: run \`make setup\`, put it on PATH, or name it in ${variable}`);
}

/**
 * Why no Consul can be started here; undefined when one can be tried. A CONSUL_BIN that is wrong is no reason: `startConsul` says so.
 * CCSP_WITHOUT_CONSUL=1 is one, also where there is a Consul.
 */
export function whyNoConsul(): string | undefined {
  if (process.env["CCSP_WITHOUT_CONSUL"] === "1") return "CCSP_WITHOUT_CONSUL is 1";
  if (process.env["CONSUL_BIN"]) return undefined;
  try {
    findBinary("consul", "CONSUL_BIN");
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
