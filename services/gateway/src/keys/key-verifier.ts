import { parseApiKey } from "@ccsp/authentication";
import { Refusal } from "@ccsp/errors";
import type { Identity } from "@ccsp/identity";
import { LRUCache } from "lru-cache";
import { identityOf, type KeyRecord, opens } from "./key-record.js";

/** Proves the identity of callers with API keys. */
export interface KeyVerifier {
  /**
   * Resolves to the identity of who has this key. Refuses with TOKEN_INVALID, TOKEN_EXPIRED or TOKEN_REVOKED. The
   * message never repeats the key, and does not say whether its id or its secret is unknown. Refuses with
   * DEPENDENCY_UNAVAILABLE if the key is not known here and Redis does not answer.
   */
  verify(bearer: string): Promise<Identity>;
  /** Reads every key again before its next use. */
  forget(): void;
}

export interface KeyVerifierOptions {
  readonly find: (id: string) => Promise<KeyRecord | undefined>;
  /** Called when a key was accepted, at most once a minute for each. */
  readonly onUsed: (id: string) => void;
  readonly now?: () => number;
}

/** A key is read from Redis again after this time of use. Revocations and rotations do not wait for it. */
const FRESH_MS = 30_000;
/** While Redis is away, a key that was read within this time works. */
const KEPT_MS = 10 * 60_000;
const MAX_KEYS = 10_000;
const NOTE_USE_MS = 60_000;

interface Kept {
  readonly record: KeyRecord;
  readonly readMs: number;
  /** Of which generation of reads it is: `forget` begins the next. */
  readonly generation: number;
}

export function createKeyVerifier({ find, onUsed, now = Date.now }: KeyVerifierOptions): KeyVerifier {
  const kept = new LRUCache<string, Kept>({ max: MAX_KEYS });
  const used = new LRUCache<string, number>({ max: MAX_KEYS });
  /** Callers that come at the same time with the same key wait for one read. */
  const reading = new Map<string, Promise<KeyRecord | undefined>>();
  let generation = 0;

  async function read(id: string): Promise<KeyRecord | undefined> {
    const begun = { readMs: now(), generation };
    const record = await find(id);
    if (record) kept.set(id, { record, ...begun });
    else kept.delete(id);
    return record;
  }

  async function recordOf(id: string): Promise<KeyRecord | undefined> {
    const known = kept.get(id);
    const ageMs = known?.generation === generation ? now() - known.readMs : Number.POSITIVE_INFINITY;
    if (known && ageMs < FRESH_MS) return known.record;
    // A read that began before `forget` must not answer a caller that came after it.
    const name = `${generation}:${id}`;
    const current = reading.get(name) ?? read(id).finally(() => reading.delete(name));
    reading.set(name, current);
    try {
      return await current;
    } catch (error) {
      if (known && ageMs < KEPT_MS && isAway(error)) return known.record;
      throw error;
    }
  }

  return {
    async verify(bearer) {
      const key = parseApiKey(bearer);
      if (!key) throw new Refusal("TOKEN_INVALID", "the API key is incomplete or was mistyped: its checksum is wrong");
      const record = await recordOf(key.id);
      const nowMs = now();
      if (!record || !opens(record, key.secret, nowMs)) {
        throw new Refusal("TOKEN_INVALID", "the API key is not known here, or its secret was replaced");
      }
      if (record.revokedMs !== undefined) {
        throw new Refusal("TOKEN_REVOKED", "the API key was revoked; get a new one");
      }
      if (record.expiresMs !== undefined && record.expiresMs <= nowMs) {
        const when = new Date(record.expiresMs).toISOString();
        throw new Refusal("TOKEN_EXPIRED", `the API key expired at ${when}; get a new one`);
      }
      if (nowMs - (used.get(key.id) ?? 0) >= NOTE_USE_MS) {
        used.set(key.id, nowMs);
        onUsed(key.id);
      }
      return identityOf(record);
    },
    forget() {
      generation += 1;
    },
  };
}

const isAway = (error: unknown): boolean => error instanceof Refusal && error.reason === "DEPENDENCY_UNAVAILABLE";
