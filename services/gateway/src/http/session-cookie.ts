import type { FastifyReply, FastifyRequest } from "fastify";
import { onlyCookie } from "./only-cookie.js";

declare module "fastify" {
  interface FastifyInstance {
    readonly sessionCookie: SessionCookie;
  }
}

/**
 * The cookie of a person who has signed in. It holds the token or API key itself: so each replica can check it, a
 * revocation ends it within seconds, and nothing has to be stored. Scripts of the page cannot read it.
 */
export interface SessionCookie {
  /** Browsers reach this server by TLS. */
  readonly secure: boolean;
  /** Refuses with TOKEN_INVALID when there are two (see `onlyCookie`). */
  tokenOf(request: FastifyRequest): string | undefined;
  /** Without `expireTime`, it ends when the browser is closed. */
  set(reply: FastifyReply, token: string, expireTime: Date | undefined): void;
  clear(reply: FastifyReply): void;
}

/** Browsers drop a cookie whose name, value and attributes have more than 4,096 bytes together. */
export const MAX_SESSION_TOKEN = 3_800;

/** With TLS, the prefix `__Host-` then keeps other hosts of the domain from setting it. */
export function sessionCookie(secure: boolean): SessionCookie {
  const name = secure ? "__Host-ccsp_session" : "ccsp_session";
  const attributes = { httpOnly: true, sameSite: "strict", secure, path: "/" } as const;
  return {
    secure,
    tokenOf: (request) => onlyCookie(request, name),
    set: (reply, token, expireTime) =>
      void reply.setCookie(name, token, { ...attributes, ...(expireTime && { expires: expireTime }) }),
    clear: (reply) => void reply.clearCookie(name, attributes),
  };
}
