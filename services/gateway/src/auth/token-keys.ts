import { readFile } from "node:fs/promises";
import { createLocalJWKSet, createRemoteJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";

/** Where the keys come from; at least one is set. */
export interface KeySettings {
  readonly secret: string | undefined;
  readonly secretFile: string | undefined;
  readonly jwksFile: string | undefined;
  readonly jwksUrl: string | undefined;
}

/**
 * The key for each accepted algorithm. Algorithms are pinned to the kind of key: a shared secret verifies HS256 only and a
 * key set EdDSA and RS256 only, so that a public key can never be presented as a secret, and `none` has no row.
 */
export type TokenKeys = ReadonlyMap<string, JWTVerifyGetKey>;

/** RFC 7518, 3.2: a key of at least the hash's size. */
export const MIN_SECRET_BYTES = 32;

/**
 * Reads secret and key set. Throws with the file's name when one is missing, too short or no key set. `onStale` is told when a
 * key set's address does not answer and the keys that were fetched before go on.
 */
export async function loadTokenKeys(settings: KeySettings, onStale: (error: unknown) => void): Promise<TokenKeys> {
  const keys = new Map<string, JWTVerifyGetKey>();
  const secret = await loadSecret(settings);
  if (secret) keys.set("HS256", () => secret);
  const keySet = await loadKeySet(settings, onStale);
  // "Ed25519" is the name that RFC 9864 gives to what was EdDSA.
  if (keySet) for (const algorithm of ["EdDSA", "Ed25519", "RS256"]) keys.set(algorithm, keySet);
  return keys;
}

async function loadSecret({ secret, secretFile }: KeySettings): Promise<Uint8Array | undefined> {
  if (secret !== undefined) return new TextEncoder().encode(secret);
  if (secretFile === undefined) return undefined;
  const bytes = new TextEncoder().encode((await read("CCSP_JWT_SECRET_FILE", secretFile)).trim());
  if (bytes.length >= MIN_SECRET_BYTES) return bytes;
  throw new Error(
    `CCSP_JWT_SECRET_FILE (${secretFile}) holds ${bytes.length} bytes; HS256 needs at least ${MIN_SECRET_BYTES}`,
  );
}

async function loadKeySet(
  { jwksFile, jwksUrl }: KeySettings,
  onStale: (error: unknown) => void,
): Promise<JWTVerifyGetKey | undefined> {
  if (jwksUrl !== undefined) return fetchedKeySet(new URL(jwksUrl), onStale);
  if (jwksFile === undefined) return undefined;
  const text = await read("CCSP_JWT_JWKS_FILE", jwksFile);
  try {
    const keySet: JSONWebKeySet = JSON.parse(text);
    return createLocalJWKSet(keySet);
  } catch (cause) {
    throw new Error(`CCSP_JWT_JWKS_FILE (${jwksFile}) holds no JSON Web Key Set`, { cause });
  }
}

/** How long a key is still good after the issuer took it back. */
const REFRESH_MS = 10 * 60_000;
/** While the issuer cannot be reached its keys are trusted for this long: its outage is not to be CCSP's. */
const MAX_AGE_MS = 24 * 3_600_000;

/** The key set at an address: fetched when first needed and when a key is unknown, and anew as it ages. */
function fetchedKeySet(url: URL, onStale: (error: unknown) => void): JWTVerifyGetKey {
  const keySet = createRemoteJWKSet(url, { timeoutDuration: 5_000, cacheMaxAge: MAX_AGE_MS });
  let askedMs = 0;
  return async (header, token) => {
    if (Date.now() - askedMs >= REFRESH_MS) {
      askedMs = Date.now();
      // One caller waits for it; without an answer the keys at hand go on. The very first caller hears what went wrong.
      if (keySet.jwks()) await keySet.reload().catch(onStale);
    }
    return keySet(header, token);
  };
}

async function read(setting: string, file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new Error(`${setting} (${file}) cannot be read`, { cause });
  }
}
