import { AGENT_ID, type Identity, OIDC_PERSON, ROLES } from "@ccsp/identity";
import { decodeJwt, decodeProtectedHeader, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { OidcSettings } from "./oidc-settings.js";
import { algorithmOf, CLOCK_TOLERANCE_S, expireTimeOf, invalid, notAccepted, refusalOf } from "./token-refusals.js";

/** Proves people by tokens that an OIDC issuer signed. */
export interface OidcTokens {
  /** Whether this token says that it comes from the issuer. */
  claims(token: string): boolean;
  /** Resolves to the identity of the person. Refuses as an authenticator does. */
  verify(token: string, nowMs: number): Promise<Identity>;
}

/** Signatures of issuers. None of them can be made with what the issuer publishes. */
const ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];

/** RFC 9068 names the type of an access token. Many issuers name `JWT` in both, or nothing. */
const TYPES = ["jwt", "at+jwt", "application/at+jwt"];

type Rules = Pick<OidcSettings, "issuer" | "audience" | "subjectClaim" | "groupsClaim" | "roles">;

/**
 * Creates a verifier of ID tokens (OpenID Connect) and of access tokens that are JWTs (RFC 9068). Their `aud` has to
 * name this installation. Scopes follow from the person's groups alone: an issuer's `scope` says what its client may do.
 */
export function createOidcTokens(rules: Rules, keys: JWTVerifyGetKey): OidcTokens {
  const { issuer, audience } = rules;
  return {
    claims(token) {
      try {
        return decodeJwt(token).iss === issuer;
      } catch {
        return false;
      }
    },
    async verify(token, nowMs) {
      const algorithm = algorithmOf(token);
      if (!ALGORITHMS.includes(algorithm)) throw notAccepted(algorithm, ALGORITHMS);
      refuseOtherTypes(decodeProtectedHeader(token).typ);
      try {
        const { payload } = await jwtVerify(token, keys, {
          algorithms: ALGORITHMS,
          issuer,
          audience: [...audience],
          requiredClaims: ["exp", "sub"],
          currentDate: new Date(nowMs),
          clockTolerance: CLOCK_TOLERANCE_S,
        });
        return personOf(payload, rules);
      } catch (error) {
        throw refusalOf(error, { audience: audience.join("` or `"), issuer });
      }
    },
  };
}

function refuseOtherTypes(type: unknown): void {
  if (type === undefined || (typeof type === "string" && TYPES.includes(type.toLowerCase()))) return;
  throw invalid("the token is neither an ID token nor an access token (`typ`)");
}

function personOf(payload: JWTPayload, { subjectClaim, groupsClaim, roles }: Rules): Identity {
  // A logout token has the same issuer, audience and keys, and not always a `typ` of its own.
  if (payload["events"] !== undefined) throw invalid("the token is neither an ID token nor an access token (`events`)");
  const scopes = groupsOf(payload, groupsClaim).flatMap((group) => roles.get(group) ?? []);
  return {
    kind: "operator",
    subject: subjectOf(payload, subjectClaim),
    scopes: [...new Set(scopes.flatMap((role) => ROLES[role]))],
    proof: "oidc",
    expireTime: expireTimeOf(payload),
  };
}

function subjectOf(payload: JWTPayload, claim: string): string {
  const value = payload[claim];
  if (value === undefined) throw invalid(`the token has no \`${claim}\`, which names a person here`);
  if (claim === "email" && payload["email_verified"] !== true)
    throw invalid("the issuer has not verified the person's `email` (`email_verified`)");
  const subject = typeof value === "string" && value !== "" ? `${OIDC_PERSON}${value}` : "";
  if (AGENT_ID.test(subject)) return subject;
  throw invalid(
    `the token's \`${claim}\` cannot name a person here: it needs 1 to ${128 - OIDC_PERSON.length} of ` +
      "`A-Z a-z 0-9 . _ @ -`; the operator can choose another claim with CCSP_OIDC_SUBJECT_CLAIM",
  );
}

/** Some issuers send one group as a text. A person without groups is known, and may do nothing. */
function groupsOf(payload: JWTPayload, claim: string): readonly string[] {
  const value = payload[claim] ?? [];
  const groups: unknown[] = Array.isArray(value) ? value : [value];
  if (groups.every((group) => typeof group === "string")) return groups;
  throw invalid(`the token's \`${claim}\` is not a list of names of groups`);
}
