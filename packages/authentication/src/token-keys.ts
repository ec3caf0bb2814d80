import { readFile } from "node:fs/promises";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  type FetchImplementation,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from "jose";

/** The sources of the keys. At least one is set. */
export interface KeySettings {
  readonly secret: string | undefined;
  readonly secretFile: string | undefined;
  readonly jwksFile: string | undefined;
  readonly jwksUrl: string | undefined;
}

/**
 * The key for each accepted algorithm. Each algorithm is bound to one kind of key: a shared secret verifies only HS256,
 * and a key set verifies only EdDSA and RS256. So an attacker can never use a public key as a shared secret, and `none`
 * has no entry.
 */
export type TokenKeys = ReadonlyMap<string, JWTVerifyGetKey>;

/** RFC 7518, 3.2: the key must be at least as large as the hash output. */
export const MIN_SECRET_BYTES = 32;

/**
 * Reads the secret and the key set. Throws if a file is missing, too short or not a key set, and the error names the
 * file. Calls `onStale` when the address of a key set does not answer and the earlier keys stay in use.
 */
export async function loadTokenKeys(settings: KeySettings, onStale: (error: unknown) => void): Promise<TokenKeys> {
  const keys = new Map<string, JWTVerifyGetKey>();
  const secret = await loadSecret(settings);
  if (secret) keys.set("HS256", () => secret);
  const keySet = await loadKeySet(settings, onStale);
  // "Ed25519" is the new name for EdDSA in RFC 9864.
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
  if (jwksUrl !== undefined) return fetchedKeySet(new URL(jwksUrl), { onStale });
  if (jwksFile === undefined) return undefined;
  const text = await read("CCSP_JWT_JWKS_FILE", jwksFile);
  try {
    const keySet: JSONWebKeySet = JSON.parse(text);
    return createLocalJWKSet(keySet);
  } catch (cause) {
    throw new Error(`CCSP_JWT_JWKS_FILE (${jwksFile}) holds no JSON Web Key Set`, { cause });
  }
}

/** The longest time that a key is accepted after the issuer withdrew it. */
const REFRESH_MS = 10 * 60_000;
/**
 * If the issuer cannot be reached, its keys are trusted for this long, so that an outage of the issuer is not an outage
 * of CCSP.
 */
const MAX_AGE_MS = 24 * 3_600_000;

interface FetchedKeySetOptions {
  /** Called when the address does not answer and the earlier keys stay in use. */
  readonly onStale: (error: unknown) => void;
  /** Gets the key set. The default is a request to the address. */
  readonly fetchKeys?: FetchImplementation;
}

/**
 * Returns the key set at an address. It is fetched on first use and for an unknown key, and again when it is older than
 * `REFRESH_MS`.
 */
export function fetchedKeySet(url: URL, { onStale, fetchKeys }: FetchedKeySetOptions): JWTVerifyGetKey {
  const keySet = createRemoteJWKSet(url, {
    timeoutDuration: 5_000,
    cacheMaxAge: MAX_AGE_MS,
    ...(fetchKeys && { [customFetch]: fetchKeys }),
  });
  let askedMs = 0;
  return async (header, token) => {
    if (Date.now() - askedMs >= REFRESH_MS) {
      askedMs = Date.now();
      // Only one caller waits for the refresh. If the address does not answer, the earlier keys stay in use. For the
      // very first caller there are none, so it gets the error.
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
