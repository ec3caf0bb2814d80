import { createHash } from "node:crypto";
import type { Identity } from "@ccsp/identity";
import { decodeJwt } from "jose";

/**
 * Adds to the identity of a verified token what a revocation needs: the name of the token, and when it was issued.
 *
 * The name is a hash of the signed part, not of the whole token: one signature can be written in several ways, and a
 * revoked token must not become another one by that.
 */
export function withTokenId(identity: Identity, token: string): Identity {
  const signed = token.slice(0, token.lastIndexOf("."));
  const { iat } = decodeJwt(token);
  return {
    ...identity,
    credentialId: `token:${createHash("sha256").update(signed).digest("base64url")}`,
    ...(typeof iat === "number" && { issueTime: new Date(iat * 1000) }),
  };
}
