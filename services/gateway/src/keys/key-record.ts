import { timingSafeEqual } from "node:crypto";
import { hashOfSecret } from "@ccsp/authentication";
import type { Identity } from "@ccsp/identity";

/** An API key as it is stored. It holds no secret. Times are milliseconds since the epoch. */
export interface KeyRecord {
  readonly id: string;
  readonly secretHash: string;
  /** Secrets from before a rotation, and until when each works. */
  readonly earlier: readonly { readonly hash: string; readonly untilMs: number }[];
  readonly name: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly createdBy: string;
  readonly createdMs: number;
  readonly expiresMs: number | undefined;
  readonly lastUsedMs: number | undefined;
  readonly revokedMs: number | undefined;
  readonly rotatedMs: number | undefined;
}

/** What revocations and open streams call the key. */
export const credentialIdOf = (id: string): string => `key:${id}`;

/** Whether this secret opens the key at this time: it is the newest, or an earlier one in its grace. */
export function opens({ secretHash, earlier }: KeyRecord, secret: string, nowMs: number): boolean {
  const given = hashOfSecret(secret);
  return isSame(given, secretHash) || earlier.some(({ hash, untilMs }) => nowMs < untilMs && isSame(given, hash));
}

/** Compares in a time that does not depend on the texts. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export const identityOf = ({ id, subject, scopes, expiresMs }: KeyRecord): Identity => ({
  kind: "agent",
  subject,
  scopes,
  proof: "key",
  credentialId: credentialIdOf(id),
  expireTime: expiresMs === undefined ? undefined : new Date(expiresMs),
});
