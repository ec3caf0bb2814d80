import { Refusal } from "@ccsp/errors";
import { AGENT_ID, type CallerCredentials, type Identity } from "@ccsp/identity";
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import type { AuthenticationSettings } from "./settings.js";
import { withTokenId } from "./token-id.js";
import { loadTokenKeys, type TokenKeys } from "./token-keys.js";
import { createVerifiedTokens } from "./verified-tokens.js";

/** Proves the identity of callers. */
export interface Authenticator {
  /**
   * Resolves to the caller's identity. Refuses with TOKEN_MISSING, TOKEN_INVALID or TOKEN_EXPIRED. The message says
   * what is wrong and never repeats the token. Refuses with DEPENDENCY_UNAVAILABLE if the keys cannot be fetched.
   */
  authenticate(caller: CallerCredentials): Promise<Identity>;
}

export interface AuthenticatorOptions {
  readonly keys: TokenKeys;
  readonly audience: string;
  readonly issuer: string | undefined;
  /** Returns milliseconds since the epoch. For tests. */
  readonly now?: () => number;
}

/** The clocks of the issuer and of this process may differ by this much. It applies to `exp` and `nbf`. */
const CLOCK_TOLERANCE_S = 5;

/** The last moment that a Date can represent. */
const LAST_MS = 8.64e15;

/**
 * Loads the keys that the settings name, and creates an authenticator with them. Throws if a file is missing or wrong;
 * the error names its setting. Calls `onStale` when the address of a key set does not answer and the last keys stay in
 * use.
 */
export async function loadAuthenticator(
  { keys, audience, issuer }: AuthenticationSettings,
  onStale: (error: unknown) => void,
): Promise<Authenticator> {
  return createAuthenticator({ keys: await loadTokenKeys(keys, onStale), audience, issuer });
}

/**
 * Creates an authenticator for JWTs. It verifies the signature, the audience, the issuer and the times, and that `sub`
 * is an agent id.
 */
export function createAuthenticator({ keys, audience, issuer, now = Date.now }: AuthenticatorOptions): Authenticator {
  const verified = createVerifiedTokens();

  async function verify(token: string): Promise<Identity> {
    const algorithm = algorithmOf(token);
    const key = keys.get(algorithm);
    if (!key) throw notAccepted(algorithm, keys);
    const nowMs = now();
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [algorithm],
        audience,
        requiredClaims: ["exp", "sub"],
        currentDate: new Date(nowMs),
        clockTolerance: CLOCK_TOLERANCE_S,
        ...(issuer !== undefined && { issuer }),
      });
      const identity = withTokenId(identityOf(payload), token);
      verified.keep(token, identity, nowMs);
      return identity;
    } catch (error) {
      throw refusalOf(error, { audience, issuer });
    }
  }

  return {
    async authenticate({ authorization }) {
      const token = bearer(authorization);
      return verified.find(token, now()) ?? verify(token);
    },
  };
}

function bearer(authorization: string | undefined): string {
  if (!authorization) {
    throw new Refusal("TOKEN_MISSING", "the call has no token: send `authorization: Bearer <token>`");
  }
  const token = /^Bearer +([^\s]+) *$/i.exec(authorization)?.[1];
  if (token === undefined) throw invalid("the value of `authorization` is not of the form `Bearer <token>`");
  return token;
}

function algorithmOf(token: string): string {
  try {
    const { alg = "none" } = decodeProtectedHeader(token);
    if (typeof alg === "string") return alg;
  } catch {
    // The refusal below reports it.
  }
  throw invalid("the token is not a JWT");
}

function notAccepted(algorithm: string, keys: TokenKeys): Refusal {
  // Shows only letters, digits and a few marks, because the text comes from an untrusted caller.
  const shown = algorithm.replaceAll(/[^\w.-]/g, "?").slice(0, 16);
  const accepted = [...keys.keys()].join(", ");
  return invalid(`the token is signed with ${shown}, which is not accepted here (accepted: ${accepted})`);
}

function identityOf({ sub, scope, exp = 0 }: JWTPayload): Identity {
  if (typeof sub !== "string" || !AGENT_ID.test(sub)) {
    throw invalid("the token's `sub` is not an agent id: 1 to 128 of `A-Z a-z 0-9 . _ @ -`");
  }
  if (scope !== undefined && typeof scope !== "string") {
    throw invalid("the token's `scope` is not a string of scopes separated by spaces");
  }
  const scopes = (scope ?? "").split(" ").filter((word) => word !== "");
  return { kind: "agent", subject: sub, scopes, proof: "token", expireTime: new Date(Math.min(exp * 1000, LAST_MS)) };
}

function refusalOf(error: unknown, expected: { audience: string; issuer: string | undefined }): unknown {
  if (error instanceof Refusal) return error;
  if (error instanceof errors.JWTExpired) return expired(error.payload.exp);
  if (error instanceof errors.JWTClaimValidationFailed) return invalid(claimMessage(error, expected));
  if (error instanceof errors.JWSSignatureVerificationFailed) return invalid("the token's signature is wrong");
  if (error instanceof errors.JWKSNoMatchingKey)
    return invalid("the token is signed by a key that is not in the key set");
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return invalid("the token's header does not name its key (`kid`), and several keys of the key set fit");
  if (error instanceof errors.JOSENotSupported)
    return invalid("the token's header requires an extension that is not supported here (`crit`)");
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid)
    return invalid("the token is not a JWT");
  // The other errors come from fetching or reading the key set. They are not the caller's fault.
  return new Refusal("DEPENDENCY_UNAVAILABLE", "the keys that verify tokens cannot be fetched now; call again", {
    cause: error,
  });
}

function claimMessage(
  { claim, reason }: errors.JWTClaimValidationFailed,
  expected: { audience: string; issuer: string | undefined },
): string {
  if (reason === "missing") return `the token has no \`${claim}\``;
  if (claim === "aud") return `the token is for another audience; this one is \`${expected.audience}\``;
  if (claim === "iss") return `the token is from another issuer; accepted is \`${expected.issuer}\``;
  if (claim === "nbf") return "the token is not valid yet";
  return `the token's \`${claim}\` is wrong`;
}

function expired(exp: number | undefined): Refusal {
  const when = exp === undefined ? "" : ` at ${new Date(exp * 1000).toISOString()}`;
  return new Refusal("TOKEN_EXPIRED", `the token expired${when}; get a new one`);
}

function invalid(message: string): Refusal {
  return new Refusal("TOKEN_INVALID", message);
}
