import { hash } from "node:crypto";
import type { Authenticator } from "@ccsp/authentication";
import { limited, Refusal } from "@ccsp/errors";
import { callerAddress } from "@ccsp/grpc-kit";
import type { CallerCredentials, Identity } from "@ccsp/identity";
import { LRUCache } from "lru-cache";
import type { Lockout } from "./lockout.js";
import type { SharedRate } from "./shared-rate.js";
import { Turns } from "./turns.js";

export interface LogInLimits {
  /** Attempts of one name at one address. */
  readonly lockout: Lockout;
  /** The failed log-ins of an address, whatever their names. */
  readonly failures: SharedRate;
  /** The calls of an address without any credential. They count apart, so that they keep no credential waiting. */
  readonly anonymous: SharedRate;
}

const MAX_PROVEN = 10_000;
const MAX_NAME = 128;

/**
 * The most credentials of one address that are checked at the same time, besides those that were proven here. Otherwise
 * all wrong ones that come in one moment would be checked before the first of them counts as failed.
 */
const CHECKS = 16;

/**
 * Puts the lockout before an authenticator. A credential that was proven here before passes, so that a caller does not
 * suffer from others behind its address. Everything else is locked by its address and the name that it claims, so that
 * the failures of one program lock out no other program. A refusal costs a hash, which is less than a signature check.
 */
export function withLockout(
  authenticator: Authenticator,
  { lockout, failures, anonymous }: LogInLimits,
): Authenticator {
  const proven = new LRUCache<string, true>({ max: MAX_PROVEN });
  const turns = new Turns(CHECKS);

  const whoOf = (address: string, authorization: string): string => `${address} ${claimedName(authorization)}`;

  async function logIn(caller: CallerCredentials, authorization: string, credential: string): Promise<Identity> {
    const address = callerAddress(caller.address);
    // It comes first because it needs no look into the credential.
    const waitMs = failures.waitMs(address);
    if (waitMs > 0) throw limited("failed_logins", "shares an address from which too many log-ins fail", waitMs);
    const who = whoOf(address, authorization);
    const lockedMs = lockout.waitMs(who);
    if (lockedMs > 0) throw limited("failed_logins", "failed to log in too often", lockedMs);
    try {
      const identity = await authenticator.authenticate(caller);
      proven.set(credential, true);
      lockout.succeeded(who);
      return identity;
    } catch (error) {
      if (isWrong(error)) {
        lockout.failed(who);
        failures.spend(address, 1);
      }
      throw error;
    }
  }

  return {
    async authenticate(caller) {
      const { authorization } = caller;
      const address = callerAddress(caller.address);
      if (authorization === undefined) {
        const waitMs = anonymous.waitMs(address);
        if (waitMs > 0) throw limited("failed_logins", "shares an address with too many calls without a token", waitMs);
        anonymous.spend(address, 1);
        return authenticator.authenticate(caller);
      }
      const credential = hash("sha256", authorization, "base64");
      if (!proven.get(credential)) return turns.take(address, () => logIn(caller, authorization, credential));
      try {
        return await authenticator.authenticate(caller);
      } catch (error) {
        if (isWrong(error)) {
          proven.delete(credential);
          lockout.failed(whoOf(address, authorization));
          failures.spend(address, 1);
        }
        throw error;
      }
    },
  };
}

const isWrong = (error: unknown): boolean => error instanceof Refusal && error.reason === "TOKEN_INVALID";

/** The name that a credential claims, before anything is proven: the `sub` of a JWT, or the id of an API key. */
function claimedName(authorization: string): string {
  const credential = authorization.slice(authorization.lastIndexOf(" ") + 1);
  const [, keyId] = /^ccsp_([^_]{1,64})_/.exec(credential) ?? [];
  if (keyId !== undefined) return `key ${keyId}`;
  try {
    const claims: { sub?: unknown } = JSON.parse(
      Buffer.from(credential.split(".")[1] ?? "", "base64url").toString("utf8"),
    );
    return typeof claims.sub === "string" ? claims.sub.slice(0, MAX_NAME) : "";
  } catch {
    return "";
  }
}
