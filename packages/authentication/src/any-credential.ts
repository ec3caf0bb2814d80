import { Refusal } from "@ccsp/errors";
import type { Identity } from "@ccsp/identity";
import { isApiKey } from "./api-key.js";
import type { Authenticator } from "./authenticator.js";

export interface AnyCredentialOptions {
  /** Proves the identity of callers with tokens. */
  readonly tokens: Authenticator;
  /** Proves the identity of a caller with this API key. Refuses as an Authenticator does. */
  readonly verifyKey: (bearer: string) => Promise<Identity>;
  readonly isRevoked: (identity: Identity) => boolean;
}

/**
 * Creates an authenticator for tokens and API keys that also refuses revoked ones, with TOKEN_REVOKED. It asks
 * `isRevoked` at each call, after every cache, so that no cache of verified tokens outlives a revocation.
 */
export function acceptAnyCredential({ tokens, verifyKey, isRevoked }: AnyCredentialOptions): Authenticator {
  return {
    async authenticate(caller) {
      const key = keyIn(caller.authorization);
      const identity = key === undefined ? await tokens.authenticate(caller) : await verifyKey(key);
      if (isRevoked(identity)) throw revoked(identity);
      return identity;
    },
  };
}

/** The refusal of a caller whose token or key was revoked. Nothing but a new token or key helps. */
export function revoked({ proof }: Pick<Identity, "proof">): Refusal {
  const what = proof === "key" ? "API key" : "token";
  return new Refusal("TOKEN_REVOKED", `the ${what} was revoked; get a new one`);
}

function keyIn(authorization: string | undefined): string | undefined {
  const bearer = /^Bearer +([^\s]+) *$/i.exec(authorization ?? "")?.[1];
  return bearer !== undefined && isApiKey(bearer) ? bearer : undefined;
}
