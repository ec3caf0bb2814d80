import { SignJWT } from "jose";

/** What an agent id looks like. */
export const AGENT_ID = /^[A-Za-z0-9._@-]{1,128}$/;

/** The agent that a person is in a local fleet. */
export const agentOf = (user: string): string => user.replaceAll(/[^A-Za-z0-9._@-]/g, "_").slice(0, 128) || "local";

/** What an agent may be allowed. */
export const SCOPES = ["tasks:submit", "tasks:read", "tasks:cancel"] as const;

export interface TokenOptions {
  /** The gateway's HS256 secret, at least 32 bytes. */
  readonly secret: string;
  /** 1 to 128 of `A-Z a-z 0-9 . _ @ -`. */
  readonly agent: string;
  readonly scopes: readonly string[];
  readonly ttlSeconds: number;
  readonly audience?: string | undefined;
  readonly issuer?: string | undefined;
}

/** The claims that a gateway with these settings asks for. */
export function claimsFor(
  env: Readonly<Record<string, string | undefined>>,
): Pick<TokenOptions, "audience" | "issuer"> {
  return { audience: env["CCSP_JWT_AUDIENCE"] || undefined, issuer: env["CCSP_JWT_ISSUER"] || undefined };
}

/** Signs a token as an issuer would, with the shared secret of a local or small installation. */
export function createToken(options: TokenOptions): Promise<string> {
  const { secret, agent, scopes, ttlSeconds, audience = "ccsp", issuer } = options;
  const nowSeconds = Math.floor(Date.now() / 1000);
  const token = new SignJWT({ scope: scopes.join(" ") })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(agent)
    .setAudience(audience)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + ttlSeconds);
  if (issuer !== undefined) token.setIssuer(issuer);
  return token.sign(new TextEncoder().encode(secret));
}
