import { readFile } from "node:fs/promises";
import type { FetchImplementation, JWTVerifyGetKey } from "jose";
import { type OidcSettings, protectedAddress } from "./oidc-settings.js";
import { fetchedKeySet } from "./token-keys.js";

/** After the issuer did not answer, it is left alone for this long. Unknown callers cause these requests. */
const REST_MS = 1_000;
/** Largest description or key set of an issuer. */
const MAX_BYTES = 1024 * 1024;

/**
 * The keys with which an issuer signs. Each time that they are fetched, the issuer's description says where they are
 * (OpenID Connect Discovery 1.0). Nothing is fetched before the first token comes, so a service starts while the issuer
 * is away. Throws if the file with its certificate authorities cannot be read. Calls `onFailed` when the issuer does not
 * answer, whether earlier keys stay in use or not.
 */
export async function issuerKeys(
  { issuer, caFile }: Pick<OidcSettings, "issuer" | "caFile">,
  onFailed: (error: unknown) => void,
): Promise<JWTVerifyGetKey> {
  const ca = caFile === undefined ? undefined : await readAuthorities(caFile);
  // Loaded here, because most installations have no issuer, and it is a tenth of what a service loads.
  const { Agent, fetch } = await import("undici");
  const dispatcher = new Agent({ maxResponseSize: MAX_BYTES, connect: { ca } });
  const get = async (url: string, signal: AbortSignal) => {
    const answer = await fetch(url, { dispatcher, signal, redirect: "error" });
    if (answer.status === 200) return answer.json();
    throw new Error(`${url} answers with the status ${answer.status}`);
  };
  return fetchedKeySet(new URL(issuer), {
    onStale: () => undefined, // `resting` has reported it
    fetchKeys: resting(async (_url, { signal }) => {
      const described = await get(descriptionOf(issuer), signal);
      return Response.json(await get(keysAddress(described, issuer), signal));
    }, onFailed),
  });
}

/** The path is added, and never replaces that of the issuer. */
const descriptionOf = (issuer: string): string => `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;

function keysAddress(description: unknown, issuer: string): string {
  const { issuer: named, jwks_uri: keys } = Object(description);
  // Section 4.3: otherwise one tenant of a provider could describe itself as another one.
  if (named !== issuer) throw new Error(`the issuer calls itself ${JSON.stringify(named)}, and not ${issuer}`);
  if (typeof keys === "string" && protectedAddress(keys)) return keys;
  throw new Error("the issuer names no https address of its keys (`jwks_uri`)");
}

function resting(fetchKeys: FetchImplementation, onFailed: (error: unknown) => void): FetchImplementation {
  let failed: { readonly error: unknown; readonly untilMs: number } | undefined;
  return async (url, options) => {
    if (failed && Date.now() < failed.untilMs) throw failed.error;
    try {
      return await fetchKeys(url, options);
    } catch (error) {
      failed = { error, untilMs: Date.now() + REST_MS };
      onFailed(error);
      throw error;
    }
  };
}

async function readAuthorities(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new Error(`CCSP_OIDC_CA_FILE (${file}) cannot be read`, { cause });
  }
}
