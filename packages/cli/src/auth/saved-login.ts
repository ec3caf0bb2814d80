import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Env } from "@ccsp/config";
import { replaceFile } from "@ccsp/private-files";
import { openStateDir, stateDir } from "../local-fleet/state.js";

/** What a person gets by `ccsp login` at an OIDC issuer. It is for one gateway: no other gateway gets the token. */
export interface Login {
  readonly issuer: string;
  readonly clientId: string;
  readonly caFile?: string | undefined;
  readonly idToken: string;
  /** When the token expires, in ms since the epoch. */
  readonly expiresMs: number;
  /** Absent when the issuer gave none: then a new login is needed. */
  readonly refreshToken?: string | undefined;
}

type Logins = Readonly<Record<string, Login>>;

const fileOf = (env: Env): string => join(stateDir(env).path, "logins.json");

/** Undefined when nobody has logged in for this gateway. */
export async function findLogin(env: Env, gateway: string): Promise<Login | undefined> {
  const logins = await readLogins(env);
  return Object.hasOwn(logins, gateway) ? logins[gateway] : undefined;
}

/** Keeps the login in a file that only its owner can read. */
export async function saveLogin(env: Env, gateway: string, login: Login): Promise<void> {
  await openStateDir(stateDir(env));
  await writeLogins(env, { ...(await readLogins(env)), [gateway]: login });
}

export async function forgetLogin(env: Env, gateway: string): Promise<void> {
  const { [gateway]: _, ...others } = await readLogins(env);
  await writeLogins(env, others);
}

const writeLogins = (env: Env, logins: Logins): Promise<void> =>
  replaceFile(fileOf(env), `${JSON.stringify(logins, undefined, 2)}\n`);

async function readLogins(env: Env): Promise<Logins> {
  try {
    return Object(JSON.parse(await readFile(fileOf(env), "utf8")));
  } catch {
    return {}; // no file, or a damaged one: a new login helps in both cases
  }
}
