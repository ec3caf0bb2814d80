import { readFile } from "node:fs/promises";
import { type Timer, within } from "@ccsp/timing";
import { AuthenticationError } from "./errors.js";

/**
 * A token or an API key, or a function that returns one. The client calls the function before a call, once for all calls
 * that begin meanwhile, and waits for it for at most 30 s. It keeps a JWT until shortly before its `exp`.
 */
export type Token = string | (() => string | Promise<string>);

export interface TokenOptions {
  readonly token?: Token | undefined;
  readonly tokenFile?: string | undefined;
}

/** Where the client gets the token of each call from. */
export interface TokenSource {
  get(): Promise<string>;
  /** Forgets this token, which the gateway calls expired or revoked. False if there cannot be another one. */
  renew(refused: string): boolean;
}

/** A clock, which tests can replace. */
export interface TokenClock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Undefined: the timer of the machine. */
  readonly timer?: Timer;
}

/** Does not keep the process alive: a client may be closed while the function of its token still has not answered. */
const unobtrusive: Timer = (ms, act) => {
  const timer = setTimeout(act, ms).unref();
  return () => clearTimeout(timer);
};

/** Throws when the options name no token, or two. */
export function createTokenSource(
  { token, tokenFile }: TokenOptions,
  clock: TokenClock = { now: Date.now, timer: unobtrusive },
): TokenSource {
  if ((token === undefined) === (tokenFile === undefined)) {
    throw new AuthenticationError("TOKEN_MISSING", "give the client either `token` or `tokenFile`");
  }
  // It often comes from a file or a Secret, which ends in a line break.
  if (typeof token === "string") return { get: async () => token.trim(), renew: () => false };
  if (token !== undefined) return keepUntilExpiry(async () => (await token()).trim(), clock);
  // The file is small, and another program may replace it at any time.
  return { get: () => readToken(tokenFile ?? ""), renew: () => true };
}

async function readToken(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new AuthenticationError("TOKEN_MISSING", `the token file cannot be read: ${why}`, { cause: error });
  });
  if (text.trim() === "") throw new AuthenticationError("TOKEN_MISSING", `the token file ${path} is empty`);
  return text.trim();
}

/** A function that never answers would stop every later call too. */
const ASK_MS = 30_000;
/** The new token must have arrived before the old one expires, and the clocks of two machines differ a little. */
const RENEW_BEFORE_MS = 60_000;
/** A token that lives for a short time is renewed when this part of its life remains. */
const RENEW_BEFORE_PART = 0.2;

function keepUntilExpiry(ask: () => Promise<string>, { now, ...timing }: TokenClock): TokenSource {
  let held: { readonly token: string; readonly renewAt: number; readonly expiresAt: number } | undefined;
  let asking: Promise<string> | undefined;

  const renewed = async (): Promise<string> => {
    try {
      const token = await within(ASK_MS, ask(), unanswered, timing);
      const expiresAt = expiryOf(token);
      const left = expiresAt === undefined ? 0 : expiresAt - now();
      const renewAt = now() + left - Math.min(RENEW_BEFORE_MS, left * RENEW_BEFORE_PART);
      held = expiresAt === undefined ? undefined : { token, renewAt, expiresAt };
      return token;
    } catch (error) {
      if (held && now() < held.expiresAt) return held.token; // the next call asks again
      throw error;
    }
  };
  return {
    async get() {
      if (held && now() < held.renewAt) return held.token;
      asking ??= renewed().finally(() => {
        asking = undefined;
      });
      return asking;
    },
    renew(refused) {
      // Another call may have renewed it already.
      if (held?.token === refused) held = undefined;
      return true;
    },
  };
}

function unanswered(): never {
  throw new AuthenticationError("TOKEN_MISSING", `the function \`token\` gave no token within ${ASK_MS / 1_000} s`);
}

/** The `exp` of a JWT in milliseconds. Undefined for another kind of token. The gateway checks the signature. */
function expiryOf(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    const exp: unknown = typeof claims === "object" && claims !== null && "exp" in claims ? claims.exp : undefined;
    return typeof exp === "number" ? exp * 1_000 : undefined;
  } catch {
    return undefined;
  }
}
