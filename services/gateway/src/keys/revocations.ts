import type { Identity } from "@ccsp/identity";
import type { RevokedCredentials } from "./key-store.js";

/** The revocations that this gateway knows, in memory: every call asks. */
export interface Revocations {
  isRevoked(identity: Identity): boolean;
  /** Adds what was read from Redis. A revocation stays, even if Redis loses it, until its token has expired. */
  learn(read: RevokedCredentials): void;
}

export function createRevocations(now: () => number = Date.now): Revocations {
  const credentials = new Map<string, number>();
  const subjects = new Map<string, number>();
  return {
    isRevoked({ credentialId, subject, proof, issueTime }) {
      if (credentialId !== undefined && credentials.has(credentialId)) return true;
      // The keys of a subject are revoked one by one. So that nothing is missed, a token that does not say when it was
      // issued counts as an old one.
      if (proof === "key" || proof === "certificate") return false;
      return (issueTime?.getTime() ?? 0) < (subjects.get(subject) ?? 0);
    },
    learn(read) {
      for (const [id, untilMs] of read.credentials) credentials.set(id, Math.max(untilMs, credentials.get(id) ?? 0));
      for (const [name, beforeMs] of read.subjects) subjects.set(name, Math.max(beforeMs, subjects.get(name) ?? 0));
      for (const [id, untilMs] of credentials) if (untilMs <= now()) credentials.delete(id);
    },
  };
}
