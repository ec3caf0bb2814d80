import { hash } from "node:crypto";
import type { Authenticator } from "@ccsp/authentication";
import { Refusal } from "@ccsp/errors";
import { callerAddress } from "@ccsp/grpc-kit";
import { LRUCache } from "lru-cache";
import { limited } from "./limited.js";
import type { Lockout } from "./lockout.js";
import type { SharedRate } from "./shared-rate.js";

export interface LogInLimits {
  /** Of one name at one address. */
  readonly lockout: Lockout;
  /** The failed log-ins of an address, whatever their names. */
  readonly failures: SharedRate;
}

const MAX_PROVEN = 10_000;
const MAX_NAME = 128;

/**
 * Puts the lockout before an authenticator. A credential that was proven here before passes, so that a caller does not
 * suffer from others behind its address. Everything else is locked by its address and the name that it claims, so that
 * the failures of one program lock out no other program. A refusal costs a hash, which is less than a signature check.
 */
export function withLockout(authenticator: Authenticator, { lockout, failures }: LogInLimits): Authenticator {
  const proven = new LRUCache<string, true>({ max: MAX_PROVEN });

  const check = (who: string, address: string): void => {
    const lockedMs = lockout.waitMs(who);
    if (lockedMs > 0) throw limited("failed_logins", "failed to log in too often", lockedMs);
    const waitMs = failures.waitMs(address);
    if (waitMs > 0) throw limited("failed_logins", "shares an address from which too many log-ins fail", waitMs);
  };

  return {
    async authenticate(caller) {
      const { authorization } = caller;
      if (authorization === undefined) return authenticator.authenticate(caller);
      const credential = hash("sha256", authorization, "base64");
      const known = proven.get(credential) ?? false;
      const address = callerAddress(caller.address);
      const who = known ? "" : `${address} ${claimedName(authorization)}`;
      if (!known) check(who, address);
      try {
        const identity = await authenticator.authenticate(caller);
        if (!known) {
          proven.set(credential, true);
          lockout.succeeded(who);
        }
        return identity;
      } catch (error) {
        if (error instanceof Refusal && error.reason === "TOKEN_INVALID") {
          proven.delete(credential);
          lockout.failed(who || `${address} ${claimedName(authorization)}`);
          failures.spend(address, 1);
        }
        throw error;
      }
    },
  };
}

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
