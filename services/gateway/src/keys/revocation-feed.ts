import type { RedisClient } from "@ccsp/redis-kit";
import { inTurn } from "@ccsp/timing";
import type { Logger } from "pino";
import { CHANGES, type KeyStore } from "./key-store.js";
import type { Revocations } from "./revocations.js";

export interface RevocationFeedOptions {
  readonly store: Pick<KeyStore, "revision" | "revoked">;
  /** A connection of its own. Undefined in a test: no message ever wakes. */
  readonly subscriber: RedisClient | undefined;
  readonly revocations: Revocations;
  /** Called after each change: a key or a token is no longer accepted as before. */
  readonly onChange: () => void;
  readonly log: Logger;
  readonly everyMs?: number;
}

/** How this gateway learns what the others revoke. */
export interface RevocationFeed {
  /** Reads what has changed until now. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/** A lost message delays a revocation by this much, which is well below the 5 s that are promised. */
const EVERY_MS = 1_500;

/**
 * Follows the revocations in Redis: at once when a message wakes, and otherwise every 1.5 s by a number. Rejects if
 * they cannot be read at the start, because a gateway that does not know them must not serve. When Redis is away later,
 * those that are known stay in force.
 */
export async function openRevocationFeed(options: RevocationFeedOptions): Promise<RevocationFeed> {
  const { store, subscriber, revocations, onChange, log, everyMs = EVERY_MS } = options;
  let seen: string | undefined;
  const refresh = inTurn(async () => {
    // The number is read before the lists: a change between the two is read again.
    const revision = await store.revision();
    if (revision === seen) return;
    revocations.learn(await store.revoked());
    seen = revision;
    onChange();
  });
  let failing = false;
  const tryAgain = async (): Promise<void> => {
    try {
      await refresh();
      failing = false;
    } catch (err) {
      if (!failing) log.warn({ err }, "revocations cannot be read now: the known ones stay in force");
      failing = true;
    }
  };
  let following = Promise.resolve();
  const follow = (): void => {
    following = tryAgain();
  };

  await refresh();
  // "ready" comes after a loss of the connection, in which messages were missed.
  subscriber?.on("message", follow).on("ready", follow);
  await subscriber?.subscribe(CHANGES);
  const timer = setInterval(follow, everyMs);
  timer.unref();
  return {
    refresh,
    async close() {
      clearInterval(timer);
      subscriber?.off("message", follow).off("ready", follow);
      if (subscriber?.status === "ready") await subscriber.unsubscribe();
      await following;
    },
  };
}
