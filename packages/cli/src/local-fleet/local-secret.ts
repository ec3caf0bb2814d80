import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Env } from "@ccsp/config";
import { replaceFile } from "@ccsp/private-files";
import { CliError, EXIT } from "../process/exit.js";
import { type StateDir, stateDir } from "./state.js";

/** The file that `findSecret` reads when the environment does not contain the secret. */
export function secretPath(env: Env): string {
  return env["CCSP_JWT_SECRET_FILE"] || stateDir(env).secretFile;
}

/**
 * The secret that the local fleet was given or made up. When its file is empty, throws an error that says what to do.
 */
export async function findSecret(env: Env): Promise<string | undefined> {
  if (env["CCSP_JWT_SECRET"]) return env["CCSP_JWT_SECRET"].trim();
  return readSecret(secretPath(env));
}

/**
 * Creates the local secret when there is none, readable only by its owner. When its file is empty, throws an error that
 * says what to do.
 */
export async function ensureSecret(state: StateDir): Promise<void> {
  if ((await readSecret(state.secretFile)) !== undefined) return;
  await replaceFile(state.secretFile, `${randomBytes(32).toString("base64url")}\n`);
}

/** Undefined when there is no file. */
async function readSecret(path: string): Promise<string | undefined> {
  let secret: string;
  try {
    secret = (await readFile(path, "utf8")).trim();
  } catch {
    return undefined;
  }
  if (secret !== "") return secret;
  throw new CliError(
    EXIT.usage,
    `${path} is empty, and so signs nothing: put the secret back if you have it, else delete the file and run \`ccsp up\`, ` +
      "which makes a new one; tokens that were signed with the old one are refused then",
  );
}
