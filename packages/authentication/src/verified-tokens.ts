import type { Identity } from "@ccsp/identity";
import { LRUCache } from "lru-cache";

/**
 * A cache of tokens that were verified recently. Agents send the same token with every call, and a signature check
 * costs more than a look-up.
 */
export interface VerifiedTokens {
  find(token: string, nowMs: number): Identity | undefined;
  keep(token: string, identity: Identity, nowMs: number): void;
}

/** A cached token may be accepted this long after its key was withdrawn. */
const KEEP_MS = 60_000;
const MAX_TOKENS = 1_000;
/** Longer tokens are verified each time. This limits the memory to 2 MB. */
const MAX_LENGTH = 2_048;

export function createVerifiedTokens(): VerifiedTokens {
  // Removes the least recently used token, not the oldest. Otherwise a thousand new callers would push out the tokens
  // of agents that call all the time.
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
      kept.set(token, {
        identity,
        untilMs: Math.min(identity.expireTime?.getTime() ?? Number.POSITIVE_INFINITY, nowMs + KEEP_MS),
      });
    },
  };
}
