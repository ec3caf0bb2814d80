import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Env, findExecutable } from "@ccsp/config";

/** The repository that contains this package. An installed `ccsp` has none. */
const REPOSITORY_ROOT = fileURLToPath(new URL("../../../", import.meta.url));

const HOW_TO_INSTALL: Readonly<Record<string, string>> = {
  "redis-server": "install Redis 7.0 or newer (Debian: apt-get install redis-server; macOS: brew install redis)",
};

/**
 * Returns the absolute path of a program. It is the path in the environment variable `variable`, otherwise the first
 * match on PATH, otherwise the program that deploy/setup.sh put into .tools/bin of the repository. Throws if there is
 * none, and the error says how to get it.
 */
export function findBinary(name: string, variable: string, env: Env = process.env): string {
  const named = env[variable];
  if (named !== undefined && named !== "") {
    const found = findExecutable(resolve(named), "");
    if (found) return found;
    throw new Error(`${variable} names ${named}, which is not an executable file`);
  }
  const searchPath = [env["PATH"] ?? "", join(REPOSITORY_ROOT, ".tools", "bin")].join(delimiter);
  const found = findExecutable(name, searchPath);
  if (found) return found;
  const how = existsSync(join(REPOSITORY_ROOT, "deploy", "setup.sh")) ? "run `make setup`" : HOW_TO_INSTALL[name];
  throw new Error(`${name} was not found: ${how ? `${how}, ` : ""}put it on PATH, or name it in ${variable}`);
}

/**
 * Returns why no Consul can be started here, or undefined if a start can be tried. A wrong CONSUL_BIN is not such a
 * reason: `startConsul` reports it. CCSP_WITHOUT_CONSUL=1 is a reason, even if there is a Consul.
 */
export function whyNoConsul(): string | undefined {
  if (process.env["CCSP_WITHOUT_CONSUL"] === "1") return "CCSP_WITHOUT_CONSUL is 1";
  if (process.env["CONSUL_BIN"]) return undefined;
  return whyNotFound("consul", "CONSUL_BIN");
}

/** Returns why no Redis can be started here, and how to get one, or undefined if a start can be tried. */
export const whyNoRedis = (env: Env = process.env): string | undefined =>
  whyNotFound("redis-server", "REDIS_SERVER_BIN", env);

function whyNotFound(name: string, variable: string, env?: Env): string | undefined {
  try {
    findBinary(name, variable, env);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
