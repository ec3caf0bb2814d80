import { randomUUID } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { promisify } from "node:util";
import { exportJWK, generateKeyPair } from "jose";
import { type Configuration, type JWK, Provider } from "oidc-provider";

export interface OidcIssuerOptions {
  /** The claims of each person, by `sub`. */
  readonly people: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Ids of the clients. The default is one, `ccsp`. */
  readonly clients?: readonly string[];
  /** Where its clients take people with the authorization code flow. The default is nowhere. */
  readonly redirectUrls?: readonly string[];
  /** The secret of its clients. Absent: they are public. */
  readonly clientSecret?: string;
  /** Whether it has the device authorization grant. The default is yes. */
  readonly deviceFlow?: boolean;
  /** How long its ID tokens and access tokens are valid. */
  readonly tokenSeconds?: number;
  /** Its certificate and key, as PEM. Absent: it serves plain HTTP. */
  readonly tls?: { readonly certificate: string; readonly key: string };
}

/** A real OIDC issuer on loopback. */
export interface OidcIssuer {
  readonly url: string;
  /** How often its keys were fetched. */
  keyRequests(): number;
  /** Signs with a new key from now on, and publishes no other. */
  rotate(): Promise<void>;
  /** It goes away. `start` brings it back at the same address, with the same keys. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** The API for which its access tokens are JWTs (RFC 9068): their `aud`. */
export const OIDC_API = "urn:example:ccsp";

// Its notices say what to change for production.
for (const level of ["info", "warn"] as const) {
  const print = console[level].bind(console);
  console[level] = (...said: unknown[]) => {
    if (!String(said[0]).startsWith("oidc-provider ")) print(...said);
  };
}

const CLAIMS = ["email", "email_verified", "groups", "preferred_username"];

/** Starts an issuer. At its pages, each person logs in with the own `sub` and any password. */
export async function startOidcIssuer(options: OidcIssuerOptions): Promise<OidcIssuer> {
  const { tls } = options;
  let handle: RequestListener | undefined;
  let keyRequests = 0;
  let server: Server | undefined;
  let port = 0;

  const listener: RequestListener = (request, response) => {
    if (request.url === "/jwks") keyRequests += 1;
    handle?.(request, response);
  };
  const start = async () => {
    const opened = tls ? createTlsServer({ cert: tls.certificate, key: tls.key }, listener) : createServer(listener);
    await new Promise<void>((resolve) => opened.listen(port, "127.0.0.1", resolve));
    const address = opened.address();
    if (address !== null && typeof address === "object") port = address.port;
    server = opened;
  };
  await start();
  const url = `${tls ? "https" : "http"}://127.0.0.1:${port}`;
  const rotate = async () => {
    const { privateKey } = await generateKeyPair("RS256", { extractable: true });
    const key = { ...(await exportJWK(privateKey)), kid: randomUUID(), alg: "RS256", use: "sig" };
    const serve = new Provider(url, configurationOf(options, key)).callback();
    handle = (request, response) => void serve(request, response);
  };
  await rotate();
  return {
    url,
    keyRequests: () => keyRequests,
    rotate,
    start,
    async stop() {
      if (!server) return;
      server.closeAllConnections();
      await promisify(server.close.bind(server))();
      server = undefined;
    },
  };
}

function configurationOf(options: OidcIssuerOptions, key: JWK): Configuration {
  const { people, clients = ["ccsp"], redirectUrls = [], clientSecret } = options;
  const { deviceFlow = true, tokenSeconds = 3600 } = options;
  return {
    clients: clients.map((id) => ({
      client_id: id,
      ...(clientSecret === undefined
        ? { token_endpoint_auth_method: "none" as const }
        : { token_endpoint_auth_method: "client_secret_post" as const, client_secret: clientSecret }),
      grant_types: [
        "urn:ietf:params:oauth:grant-type:device_code",
        "refresh_token",
        ...(redirectUrls.length > 0 ? ["authorization_code"] : []),
      ],
      response_types: redirectUrls.length > 0 ? ["code" as const] : [],
      redirect_uris: [...redirectUrls],
    })),
    jwks: { keys: [key] },
    cookies: { keys: ["a key of this test"] },
    claims: { openid: ["sub", ...CLAIMS] },
    conformIdTokenClaims: false,
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    extraTokenClaims: (_context, token) => ("accountId" in token ? people[token.accountId] : undefined),
    issueRefreshToken: () => true,
    ttl: { IdToken: tokenSeconds, AccessToken: tokenSeconds, DeviceCode: 60, Grant: 86_400, RefreshToken: 86_400 },
    features: {
      deviceFlow: { enabled: deviceFlow },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => [],
        useGrantedResource: () => false,
        getResourceServerInfo: () => ({
          scope: "openid",
          audience: OIDC_API,
          accessTokenFormat: "jwt",
          accessTokenTTL: tokenSeconds,
        }),
      },
    },
  };
}
