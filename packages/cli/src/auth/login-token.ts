import type { Env } from "@ccsp/config";
import { CliError, EXIT } from "../process/exit.js";
import { findLogin, type Login, saveLogin } from "./saved-login.js";

/** A token that expires sooner than this is renewed before it is sent. */
const EARLY_MS = 30_000;

/**
 * Returns the source of the token of the person who logged in for this gateway, or undefined. The source renews the
 * token before it expires.
 */
export async function loginToken(env: Env, gateway: string): Promise<(() => Promise<string>) | undefined> {
  const login = await findLogin(env, gateway);
  if (login === undefined) return undefined;
  return async () => (await usable(env, gateway)).idToken;
}

async function usable(env: Env, gateway: string): Promise<Login> {
  const login = await findLogin(env, gateway);
  if (login !== undefined && Date.now() < login.expiresMs - EARLY_MS) return login;
  if (login?.refreshToken === undefined)
    throw new CliError(EXIT.denied, `the login for ${gateway} has expired: run \`ccsp login\` again`);
  const { refreshed } = await import("./issuer.js"); // it loads a client of OIDC, which few calls need
  try {
    const renewed = await refreshed(login, login.refreshToken);
    await saveLogin(env, gateway, renewed);
    return renewed;
  } catch (error) {
    // Many issuers accept a refresh token once, and another command may have used it at the same moment.
    const current = await findLogin(env, gateway);
    if (current !== undefined && current.idToken !== login.idToken) return current;
    throw error;
  }
}
