import type { Env } from "@ccsp/config";

/** The agent id that stands for a person in a local fleet. */
export const agentOf = (user: string): string => user.replaceAll(/[^A-Za-z0-9._@-]/g, "_").slice(0, 128) || "local";

export interface TokenOptions {
  /** HS256 secret of the gateway, at least 32 bytes. */
  readonly secret: string;
  /** Id of the agent, 1 to 128 characters of `A-Z a-z 0-9 . _ @ -`. */
  readonly agent: string;
  readonly scopes: readonly string[];
  readonly ttlSeconds: number;
  readonly audience?: string | undefined;
  readonly issuer?: string | undefined;
}

/** The claims that a gateway with these settings requires. */
export function claimsFor(env: Env): Pick<TokenOptions, "audience" | "issuer"> {
  return { audience: env["CCSP_JWT_AUDIENCE"] || undefined, issuer: env["CCSP_JWT_ISSUER"] || undefined };
}

/** Signs a token as an issuer would, with the shared secret of a local or small installation. */
export async function createToken(options: TokenOptions): Promise<string> {
  const { SignJWT } = await import("jose"); // slow to load, and `agentOf` needs none of it
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
