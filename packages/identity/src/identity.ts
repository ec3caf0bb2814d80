import type { PeerCertificate } from "node:tls";

/** Identity of a caller, as it was proven when the call began. */
export interface Identity {
  readonly kind: "agent" | "operator" | "service";
  /** Name of the caller, unique within its kind: the id of an agent, a person, or a service. */
  readonly subject: string;
  /** Scopes of the caller. Each RPC declares in its proto which ones it needs. */
  readonly scopes: readonly string[];
  readonly proof: "token" | "key" | "certificate" | "oidc";
  /** When the proof expires. A call that began earlier continues. Absent: never. */
  readonly expireTime?: Date | undefined;
  /** When a token was issued. Absent if it does not say so, and for other proofs. */
  readonly issueTime?: Date | undefined;
  /**
   * Names the token or key itself, such as `key:3fJ9` or `token:` with a hash, so that it can be revoked. Nobody can
   * call with it. Absent for certificates.
   */
  readonly credentialId?: string | undefined;
}

/** Credentials that a caller presents to prove its identity, as values that every transport has. */
export interface CallerCredentials {
  /** The value of the header `authorization`. */
  readonly authorization?: string | undefined;
  /**
   * The certificate of the client, which TLS has checked against the certificate authorities of the server. Undefined
   * without TLS, and when the client sent none.
   */
  readonly peerCertificate?: PeerCertificate | undefined;
  /** Host and port of the other end of the connection. */
  readonly address: string;
}

/** The form of an agent's id in all of CCSP. */
export const AGENT_ID = /^[A-Za-z0-9._@-]{1,128}$/;

/**
 * The subject of a person who logged in with OIDC begins with this, and no other does. So a person and an agent never
 * own the same tasks, whatever the issuer calls the person.
 */
export const OIDC_PERSON = "oidc.";

/** Why nobody can be given a token or an API key of this name, as the rest of a sentence. Undefined: it is an agent's id. */
export function agentIdFault(id: string): string | undefined {
  if (!AGENT_ID.test(id)) return "is not an agent id: 1 to 128 of `A-Z a-z 0-9 . _ @ -`";
  if (id.startsWith(OIDC_PERSON))
    return `begins with \`${OIDC_PERSON}\`: such names are for people who log in with OIDC`;
  return undefined;
}
