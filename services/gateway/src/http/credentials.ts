import type { CallerCredentials } from "@ccsp/identity";
import type { FastifyRequest } from "fastify";
import { refuseForgery } from "./same-origin.js";

/** Host and port of the other end of the connection, in the form of gRPC. */
export const peerOf = ({ socket }: FastifyRequest): string => `${socket.remoteAddress}:${socket.remotePort}`;

/**
 * What the caller of a request presents: its header `authorization`, or else the cookie of its sign-in. A browser sends
 * a cookie by itself, even for the form of a foreign page. So a change, and a WebSocket, that only a cookie proves is
 * refused with CROSS_SITE_REQUEST unless a page of this server asks for it.
 */
export function credentialsOf(request: FastifyRequest): CallerCredentials {
  const address = peerOf(request);
  const { authorization } = request.headers;
  if (authorization !== undefined) return { authorization, address };
  const proof = request.server.sessionCookie.tokenOf(request);
  if (proof === undefined) return { address };
  refuseForgery(request);
  return { authorization: `Bearer ${proof}`, address };
}
