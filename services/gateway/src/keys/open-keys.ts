import { type Authenticator, acceptAnyCredential } from "@ccsp/authentication";
import { type RedisConnection, redisAway } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import { createKeyStore } from "./key-store.js";
import { createKeyVerifier } from "./key-verifier.js";
import { createKeys, type Keys } from "./keys.js";
import { createOpenStreams, type OpenStreams } from "./open-streams.js";
import { openRevocationFeed } from "./revocation-feed.js";
import { createRevocations, type Revocations } from "./revocations.js";

/** Everything of the gateway that knows API keys and revocations. */
export interface OpenKeys {
  /** Accepts tokens and API keys, and refuses what was revoked. */
  readonly authenticator: Authenticator;
  readonly keys: Keys;
  readonly revocations: Pick<Revocations, "isRevoked">;
  readonly streams: OpenStreams;
  close(): Promise<void>;
}

/** `tokens` proves the identity of callers with tokens. */
export async function openKeys(
  redis: RedisConnection,
  { tokens, log }: { readonly tokens: Authenticator; readonly log: Logger },
): Promise<OpenKeys> {
  const store = createKeyStore(redis.client);
  const revocations = createRevocations();
  const streams = createOpenStreams((identity) => revocations.isRevoked(identity));
  const verifier = createKeyVerifier({
    // While it is known that Redis is away, a caller does not wait for it.
    find: async (id) => (redis.answers() ? store.find(id) : Promise.reject(redisAway())),
    onUsed(id) {
      // It is for people who look for keys that nobody uses. The next use notes it if this one cannot.
      if (redis.answers())
        store.markUsed(id).catch((err: unknown) => log.debug({ err }, "the use of a key is not noted"));
    },
  });
  const followed = {
    store,
    subscriber: await redis.duplicate(),
    revocations,
    onChange() {
      verifier.forget();
      const ended = streams.endRevoked();
      if (ended > 0) log.info({ ended }, "streams of revoked callers were ended");
    },
    log,
  };
  const feed = await redis.atStart(() => openRevocationFeed(followed));
  return {
    authenticator: acceptAnyCredential({
      tokens,
      verifyKey: (bearer) => verifier.verify(bearer),
      isRevoked: (identity) => revocations.isRevoked(identity),
    }),
    keys: createKeys({ store, tokens, refresh: () => feed.refresh() }),
    revocations,
    streams,
    close: () => feed.close(),
  };
}
