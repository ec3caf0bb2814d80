import { discoverIssuer } from "@ccsp/authentication/oidc-client.js";
import {
  type Configuration,
  initiateDeviceAuthorization,
  pollDeviceAuthorizationGrant,
  ResponseBodyError,
  refreshTokenGrant,
  type TokenEndpointResponse,
  type TokenEndpointResponseHelpers,
  tokenRevocation,
} from "openid-client";
import { readInputFile } from "../input/read-input.js";
import { CliError, EXIT, messageOf } from "../process/exit.js";
import type { Login } from "./saved-login.js";

export interface Client {
  readonly issuer: string;
  readonly clientId: string;
  readonly caFile?: string | undefined;
}

/** What a person has to do in a browser. */
export interface Invitation {
  readonly url: string;
  readonly code: string;
}

/** Logs a person in by the device authorization grant (RFC 8628). `invite` shows what to do. */
export async function logIn(
  client: Client,
  { scopes, invite, signal }: { scopes: string; invite: (how: Invitation) => void; signal: AbortSignal },
): Promise<Login> {
  const issuer = await discover(client);
  if (issuer.serverMetadata().device_authorization_endpoint === undefined) {
    throw new CliError(
      EXIT.failed,
      `${client.issuer} has no device login (RFC 8628): get a token in another way, and give it with --token-file or CCSP_TOKEN`,
    );
  }
  return answered(client, "log in", async () => {
    const device = await initiateDeviceAuthorization(issuer, { scope: scopes });
    invite({ url: device.verification_uri_complete ?? device.verification_uri, code: device.user_code });
    return loginOf(client, await pollDeviceAuthorizationGrant(issuer, device, undefined, { signal }));
  });
}

/** The same login with a new token. */
export async function refreshed(login: Login, refreshToken: string): Promise<Login> {
  const issuer = await discover(login);
  return answered(login, "renew the login; run `ccsp login` again", async () => {
    const tokens = await refreshTokenGrant(issuer, refreshToken);
    return { refreshToken, ...loginOf(login, tokens) };
  });
}

/** Makes the issuer forget the login, if it can. */
export async function revoke(login: Login): Promise<void> {
  if (login.refreshToken === undefined) return;
  const issuer = await discover(login);
  if (issuer.serverMetadata().revocation_endpoint === undefined) return;
  await answered(login, "revoke the login", () => tokenRevocation(issuer, login.refreshToken ?? ""));
}

async function discover({ issuer, clientId, caFile }: Client): Promise<Configuration> {
  const ca = caFile === undefined ? undefined : Buffer.from(await readInputFile("--oidc-ca-file", caFile)).toString();
  if (!URL.canParse(issuer)) throw new CliError(EXIT.usage, `the issuer ${issuer} is not a URL`);
  return answered({ issuer }, "be used", () => discoverIssuer({ issuer, clientId, ca }));
}

/**
 * The ID token is the proof, and not the access token: it is always a JWT for this client, while many issuers give
 * access tokens that only they can read.
 */
function loginOf(
  { issuer, clientId, caFile }: Client,
  tokens: TokenEndpointResponse & TokenEndpointResponseHelpers,
): Login {
  const { exp } = tokens.claims() ?? {};
  if (tokens.id_token === undefined || exp === undefined)
    throw new CliError(EXIT.failed, `${issuer} gave no ID token: the scopes need \`openid\``);
  const refresh = tokens.refresh_token === undefined ? {} : { refreshToken: tokens.refresh_token };
  return { issuer, clientId, caFile, idToken: tokens.id_token, expiresMs: exp * 1000, ...refresh };
}

async function answered<T>({ issuer }: Pick<Client, "issuer">, what: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (error instanceof ResponseBodyError) {
      const why = error.error_description ?? error.error;
      throw new CliError(EXIT.denied, `${issuer} refuses to ${what}: ${why}`);
    }
    throw new CliError(EXIT.unavailable, `${issuer} could not ${what}: ${causeOf(error)}`);
  }
}

/** Why an issuer cannot be reached. `fetch` says it in the cause, and OpenSSL among its codes and file names. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return "reason" in Object(cause) ? `TLS fails: ${Object(cause).reason}` : messageOf(cause);
}
