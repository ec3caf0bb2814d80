import { Refusal } from "@ccsp/errors";
import { decodeProtectedHeader, errors, type JWTPayload } from "jose";

/** The clocks of the issuer and of this process may differ by this much. It applies to `exp` and `nbf`. */
export const CLOCK_TOLERANCE_S = 5;

/** The last moment that a Date can represent. */
const LAST_MS = 8.64e15;

/** When a token that has been verified expires. */
export const expireTimeOf = ({ exp = 0 }: JWTPayload): Date => new Date(Math.min(exp * 1000, LAST_MS));

/** What a verifier of tokens wants, for the messages of its refusals. */
export interface Expected {
  readonly audience: string;
  readonly issuer: string | undefined;
}

/** The algorithm that the header of a token names. Refuses a text that is not a JWT. */
export function algorithmOf(token: string): string {
  try {
    const { alg = "none" } = decodeProtectedHeader(token);
    if (typeof alg === "string") return alg;
  } catch {
    // The refusal below reports it.
  }
  throw invalid("the token is not a JWT");
}

export function notAccepted(algorithm: string, algorithms: Iterable<string>): Refusal {
  // Shows only letters, digits and a few marks, because the text comes from an untrusted caller.
  const shown = algorithm.replaceAll(/[^\w.-]/g, "?").slice(0, 16);
  const accepted = [...algorithms].join(", ");
  return invalid(`the token is signed with ${shown}, which is not accepted here (accepted: ${accepted})`);
}

/** Turns an error of jose into what the caller is told. */
export function refusalOf(error: unknown, expected: Expected): unknown {
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

function claimMessage({ claim, reason }: errors.JWTClaimValidationFailed, expected: Expected): string {
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

export function invalid(message: string): Refusal {
  return new Refusal("TOKEN_INVALID", message);
}
