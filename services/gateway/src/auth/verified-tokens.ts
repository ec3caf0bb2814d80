import type { Identity } from "@ccsp/identity";
import { LRUCache } from "lru-cache";

/** Tokens that were verified a moment ago: agents send the same one with every call, and a signature costs more than a look-up. */
export interface VerifiedTokens {
  find(token: string, nowMs: number): Identity | undefined;
  keep(token: string, identity: Identity, nowMs: number): void;
}

/** So long a token outlives a key that was taken back. */
const KEEP_MS = 60_000;
const MAX_TOKENS = 1_000;
/** Longer ones are verified each time, so that the memory is bounded: 2 MB. */
const MAX_LENGTH = 2_048;

export function createVerifiedTokens(): VerifiedTokens {
  // By use and not by age: else a thousand strangers would put out those who call all the time.
  const kept = new LRUCache<string, { readonly identity: Identity; readonly untilMs: number }>({ max: MAX_TOKENS });
  return {
    find(token, nowMs) {
      const entry = kept.get(token);
      if (!entry || nowMs < entry.untilMs) return entry?.identity;
      kept.delete(token);
      return undefined;
    },
    keep(token, identity, nowMs) {
      if (token.length > MAX_LENGTH) return;
      kept.set(token, { identity, untilMs: Math.min(identity.expireTime.getTime(), nowMs + KEEP_MS) });
    },
  };
}
