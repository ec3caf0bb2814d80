import { readFile } from "node:fs/promises";
import { discoverIssuer } from "@ccsp/authentication/oidc-client.js";
import { Refusal } from "@ccsp/errors";
import { pause } from "@ccsp/timing";
import {
  AuthorizationResponseError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  ClientError,
  type Configuration,
  calculatePKCECodeChallenge,
  ResponseBodyError,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from "openid-client";
import type { OidcSignInSettings } from "./settings.js";

/** What a browser keeps while its person is at the issuer. */
export interface Journey {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** Signs people in at an issuer: the authorization code flow of OpenID Connect, with PKCE. */
export interface OidcSignIn {
  /** Refuses with DEPENDENCY_UNAVAILABLE while the issuer does not answer. */
  begin(): Promise<{ readonly url: URL; readonly journey: Journey }>;
  /**
   * Returns the ID token of the person who came back with these parameters. Refuses with TOKEN_INVALID if the issuer
   * refused, or if the browser did not begin this journey.
   */
  finish(query: string, journey: Journey): Promise<string>;
}

/** After the issuer did not answer, it is left alone for this long. Unknown callers cause these requests. */
const REST_MS = 1_000;

/**
 * Throws if a file cannot be read. Asks the issuer nothing before the first person signs in. Then it asks once for all
 * who come.
 */
export async function createOidcSignIn(
  settings: OidcSignInSettings,
  wait: (ms: number) => Promise<void> = pause,
): Promise<OidcSignIn> {
  const { issuer, clientId, scopes, redirectUrl, clientSecretFile, caFile } = settings;
  const clientSecret = await fileOf("CCSP_OIDC_CLIENT_SECRET_FILE", clientSecretFile);
  const ca = await fileOf("CCSP_OIDC_CA_FILE", caFile);
  let described: Promise<Configuration> | undefined;
  const discover = (): Promise<Configuration> => {
    const answer = discoverIssuer({ issuer, clientId, clientSecret: clientSecret?.trim(), ca });
    answer.catch(async () => {
      await wait(REST_MS);
      described = undefined;
    });
    return answer;
  };
  const configuration = (): Promise<Configuration> => (described ??= discover());
  return {
    begin: () =>
      answered(issuer, async () => {
        const journey = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier() };
        const url = buildAuthorizationUrl(await configuration(), {
          redirect_uri: redirectUrl,
          scope: scopes,
          state: journey.state,
          nonce: journey.nonce,
          code_challenge: await calculatePKCECodeChallenge(journey.verifier),
          code_challenge_method: "S256",
        });
        return { url, journey };
      }),
    finish: (query, { state, nonce, verifier }) =>
      answered(issuer, async () => {
        const tokens = await authorizationCodeGrant(await configuration(), new URL(`${redirectUrl}?${query}`), {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier,
          idTokenExpected: true,
        });
        return tokens.id_token ?? "";
      }),
  };
}

async function fileOf(setting: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new Error(`${setting} (${file}) cannot be read`, { cause });
  }
}

async function answered<T>(issuer: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    if (cause instanceof AuthorizationResponseError || cause instanceof ResponseBodyError)
      throw refused(`${issuer} refuses the sign-in: ${cause.error_description ?? cause.error}`, cause);
    // A parameter, or what the token endpoint answered, is not what this browser began with.
    if (cause instanceof ClientError && isWrong(cause))
      throw refused("the sign-in does not fit to what this browser began; begin again", cause);
    throw new Refusal("DEPENDENCY_UNAVAILABLE", `the issuer ${issuer} does not answer now; try again`, { cause });
  }
}

const refused = (message: string, cause: Error): Refusal => new Refusal("TOKEN_INVALID", message, { cause });

/** The codes of openid-client for parameters and tokens that do not belong to the journey. */
const isWrong = ({ code = "" }: ClientError): boolean =>
  code === "OAUTH_INVALID_RESPONSE" || code.startsWith("OAUTH_JWT_");
