import { bindScript, oneOf, orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import { credentialIdOf, type KeyRecord } from "./key-record.js";

/** What a key gets when it is made. */
export interface NewKey extends Pick<KeyRecord, "id" | "secretHash" | "name" | "subject" | "scopes" | "createdBy"> {
  /** Undefined: it never expires. */
  readonly lifetimeMs: number | undefined;
}

/** The place of a key in the list, newest first. */
export interface KeyPlace {
  readonly createdMs: number;
  readonly id: string;
}

/** The credentials that no longer count. */
export interface RevokedCredentials {
  /** Credential id -> time until which it has to be known. */
  readonly credentials: ReadonlyMap<string, number>;
  /** Subject -> time before which its revoked tokens were issued. */
  readonly subjects: ReadonlyMap<string, number>;
}

const PREFIX = "ccsp:agents:{keys}:";
const INDEX = `${PREFIX}index`;
const REVOKED = `${PREFIX}revoked`;
const SUBJECTS = `${PREFIX}revoked-subjects`;
const REVISION = `${PREFIX}revision`;
/** Its messages only wake. The number at `REVISION` is the news. */
export const CHANGES = `${PREFIX}changes`;
const keyOf = (id: string): string => `${PREFIX}key:${id}`;

const LISTED_AFTER_END_MS = 30 * 24 * 3_600_000;
const USE_NOTED_EVERY_MS = 60_000;
/** Ids that one command reads from the index. */
const CHUNK = 200;

const lua = (name: string): URL => new URL(`../../lua/${name}.lua`, import.meta.url);

export const bindKeyScripts = (redis: RedisClient) => ({
  create: bindScript(redis, lua("create_key"), ["key", "index"], oneOf("ok", "taken")),
  rotate: bindScript(redis, lua("rotate_key"), ["key", "revision"], oneOf("ok", "missing")),
  revoke: bindScript(redis, lua("revoke_key"), ["key", "revoked", "revision"], oneOf("ok", "missing")),
  revokeTokens: bindScript(redis, lua("revoke_tokens"), ["revoked", "subjects", "revision"], oneOf("ok")),
  markUsed: bindScript(redis, lua("mark_key_used"), ["key"], oneOf("ok")),
});

export type KeyStore = ReturnType<typeof createKeyStore>;

/**
 * API keys and revocations in Redis. When Redis does not answer, each of these refuses with DEPENDENCY_UNAVAILABLE
 * within about 2 s. `nowMs` is for tests: it replaces the clock of Redis.
 */
export function createKeyStore(redis: RedisClient, nowMs: () => number | "" = () => "") {
  const scripts = bindKeyScripts(redis);
  const soon = <T>(work: () => Promise<T>): Promise<T> => orUnavailable(redis, work);
  return {
    /** `taken`: another key has this id. */
    create: ({ id, secretHash, lifetimeMs = 0, name, subject, scopes, createdBy }: NewKey) =>
      soon(() =>
        scripts.create(
          { key: keyOf(id), index: INDEX },
          ...[
            nowMs(),
            id,
            secretHash,
            Math.round(lifetimeMs),
            LISTED_AFTER_END_MS,
            name,
            subject,
            scopes.join(" "),
            createdBy,
          ],
        ),
      ),
    find: (id: string): Promise<KeyRecord | undefined> =>
      soon(async () => recordOf(id, await redis.hgetall(keyOf(id)))),
    rotate: (id: string, secretHash: string, graceMs: number) =>
      soon(() =>
        scripts.rotate({ key: keyOf(id), revision: REVISION }, nowMs(), secretHash, Math.round(graceMs), CHANGES),
      ),
    revoke: (id: string) =>
      soon(() =>
        scripts.revoke(
          { key: keyOf(id), revoked: REVOKED, revision: REVISION },
          ...[nowMs(), credentialIdOf(id), LISTED_AFTER_END_MS, CHANGES],
        ),
      ),
    /** `untilMs`: when the token expires by itself. */
    revokeToken: (credentialId: string, untilMs: number) =>
      soon(() => scripts.revokeTokens(REVOCATION_KEYS, nowMs(), "token", credentialId, untilMs, CHANGES)),
    revokeTokensOf: (subject: string) =>
      soon(() => scripts.revokeTokens(REVOCATION_KEYS, nowMs(), "subject", subject, "", CHANGES)),
    /** Writes at most once a minute for each key. */
    markUsed: (id: string) => scripts.markUsed({ key: keyOf(id) }, nowMs(), USE_NOTED_EVERY_MS),
    /** The keys that come after this place in the list. It reads as many as its caller takes. */
    list: (after: KeyPlace | undefined): AsyncGenerator<KeyRecord, void> => listKeys(redis, after),
    /** Changes whenever a key or a token is no longer accepted as before. */
    revision: (): Promise<string> => soon(async () => (await redis.get(REVISION)) ?? ""),
    revoked: (): Promise<RevokedCredentials> =>
      soon(async () => {
        const [scored, subjects] = await Promise.all([
          redis.zrange(REVOKED, "0", "-1", "WITHSCORES"),
          redis.hgetall(SUBJECTS),
        ]);
        return { credentials: numbersOf(pairsOf(scored)), subjects: numbersOf(Object.entries(subjects)) };
      }),
  };
}

const REVOCATION_KEYS = { revoked: REVOKED, subjects: SUBJECTS, revision: REVISION };

async function* listKeys(redis: RedisClient, after: KeyPlace | undefined): AsyncGenerator<KeyRecord, void> {
  const from = after === undefined ? "+inf" : String(after.createdMs);
  for (let offset = 0; ; ) {
    const offsetNow = offset;
    const scored = await orUnavailable(redis, () =>
      redis.zrange(INDEX, from, "-inf", "BYSCORE", "REV", "LIMIT", offsetNow, CHUNK, "WITHSCORES"),
    );
    const places = pairsOf(scored);
    const records = await orUnavailable(redis, () =>
      Promise.all(places.map(async ([id]) => recordOf(id, await redis.hgetall(keyOf(id))))),
    );
    offset += places.length;
    for (const [at, [id, createdMs]] of places.entries()) {
      const record = records[at];
      // Keys of one moment are in the reverse order of their ids.
      const isBefore = after !== undefined && Number(createdMs) === after.createdMs && id >= after.id;
      if (record && !isBefore) yield record;
      if (record) continue;
      // Its record has gone by itself, and an id is never used again.
      await orUnavailable(redis, () => redis.zrem(INDEX, id));
      offset -= 1;
    }
    if (places.length < CHUNK) return;
  }
}

function pairsOf(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at] ?? "", flat[2 * at + 1] ?? ""]);
}

const numbersOf = (pairs: readonly (readonly [string, string])[]): ReadonlyMap<string, number> =>
  new Map(pairs.map(([name, value]) => [name, Number(value)]));

const wordsIn = (text = ""): readonly string[] => text.split(" ").filter(Boolean);

function recordOf(id: string, fields: Readonly<Record<string, string>>): KeyRecord | undefined {
  const { secret_hash: secretHash } = fields;
  if (secretHash === undefined) return undefined;
  const time = (name: string): number | undefined => (fields[name] === undefined ? undefined : Number(fields[name]));
  return {
    id,
    secretHash,
    earlier: wordsIn(fields["earlier"]).map((word) => {
      const [hash = "", untilMs] = word.split(":");
      return { hash, untilMs: Number(untilMs) };
    }),
    name: fields["name"] ?? "",
    subject: fields["subject"] ?? "",
    scopes: wordsIn(fields["scopes"]),
    createdBy: fields["created_by"] ?? "",
    createdMs: time("created_ms") ?? 0,
    expiresMs: time("expires_ms"),
    lastUsedMs: time("last_used_ms"),
    revokedMs: time("revoked_ms"),
    rotatedMs: time("rotated_ms"),
  };
}
