import { Refusal } from "@ccsp/errors";
import { agentIdFault, type CallerCredentials, type Identity } from "@ccsp/identity";
import { type JWTPayload, jwtVerify } from "jose";
import { issuerKeys } from "./oidc-keys.js";
import { createOidcTokens, type OidcTokens } from "./oidc-tokens.js";
import type { AuthenticationSettings } from "./settings.js";
import { withTokenId } from "./token-id.js";
import { loadTokenKeys, type TokenKeys } from "./token-keys.js";
import { algorithmOf, CLOCK_TOLERANCE_S, expireTimeOf, invalid, notAccepted, refusalOf } from "./token-refusals.js";
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
  /** Verifies the tokens of people. Without it, nobody logs in with OIDC. */
  readonly oidc?: OidcTokens | undefined;
  /** Returns milliseconds since the epoch. For tests. */
  readonly now?: () => number;
}

/**
 * Loads the keys that the settings name, and creates an authenticator with them. Throws if a file is missing or wrong;
 * the error names its setting. Calls `onStale` when the address of a key set does not answer and the last keys stay in
 * use.
 */
export async function loadAuthenticator(
  { keys, audience, issuer, oidc }: AuthenticationSettings,
  onStale: (error: unknown) => void,
): Promise<Authenticator> {
  return createAuthenticator({
    keys: await loadTokenKeys(keys, onStale),
    audience,
    issuer,
    oidc: oidc && createOidcTokens(oidc, await issuerKeys(oidc, onStale)),
  });
}

/**
 * Creates an authenticator for JWTs. It verifies the signature, the audience, the issuer and the times, and that `sub`
 * is an agent id. A token that names the OIDC issuer is verified by the rules for people, and by no others.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { keys, audience, issuer, oidc, now = () => Date.now() } = options;
  const verified = createVerifiedTokens();

  async function verify(token: string, nowMs: number): Promise<Identity> {
    const algorithm = algorithmOf(token);
    const key = keys.get(algorithm);
    if (!key) throw notAccepted(algorithm, keys.keys());
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [algorithm],
        audience,
        requiredClaims: ["exp", "sub"],
        currentDate: new Date(nowMs),
        clockTolerance: CLOCK_TOLERANCE_S,
        ...(issuer !== undefined && { issuer }),
      });
      return identityOf(payload);
    } catch (error) {
      throw refusalOf(error, { audience, issuer });
    }
  }

  return {
    async authenticate({ authorization }) {
      const token = bearer(authorization);
      const nowMs = now();
      const known = verified.find(token, nowMs);
      if (known) return known;
      const proven = await (oidc?.claims(token) ? oidc.verify(token, nowMs) : verify(token, nowMs));
      const identity = withTokenId(proven, token);
      verified.keep(token, identity, nowMs);
      return identity;
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

function identityOf(payload: JWTPayload): Identity {
  const { sub, scope } = payload;
  // A token without a `sub` names nobody, as one with an empty `sub`.
  const subject = typeof sub === "string" ? sub : "";
  const fault = agentIdFault(subject);
  if (fault) throw invalid(`the token's \`sub\` ${fault}`);
  if (scope !== undefined && typeof scope !== "string") {
    throw invalid("the token's `scope` is not a string of scopes separated by spaces");
  }
  const scopes = (scope ?? "").split(" ").filter((word) => word !== "");
  return { kind: "agent", subject, scopes, proof: "token", expireTime: expireTimeOf(payload) };
}
