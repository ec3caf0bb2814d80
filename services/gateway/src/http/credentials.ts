import type { CallerCredentials } from "@ccsp/identity";
import type { FastifyRequest } from "fastify";
import { HttpFault } from "./problem.js";

/** The cookie that holds the proof of a person who signed in. With TLS, browsers keep it to this host by its prefix. */
export const sessionCookie = (tls: boolean): string => (tls ? "__Host-ccsp_session" : "ccsp_session");

/** Host and port of the other end of the connection, in the form of gRPC. */
export const peerOf = ({ socket }: FastifyRequest): string => `${socket.remoteAddress}:${socket.remotePort}`;

/**
 * What the caller of a request presents: its header `authorization`, or else its session cookie. A browser sends a
 * cookie by itself, even for the form of a foreign page. So a request that changes something and has only a cookie must
 * come from a page of this origin, and have a header that forms cannot have. Else it is refused.
 */
export function credentialsOf(request: FastifyRequest): CallerCredentials {
  const address = peerOf(request);
  const { authorization } = request.headers;
  if (authorization !== undefined) return { authorization, address };
  const proof = request.cookies[sessionCookie(request.protocol === "https")];
  if (proof === undefined || proof === "") return { address };
  if (!isRead(request) && !isFromOwnPage(request))
    throw new HttpFault(
      403,
      "a change with a session cookie needs the header x-ccsp-csrf: 1, from a page of this origin",
    );
  return { authorization: `Bearer ${proof}`, address };
}

const isRead = ({ method }: FastifyRequest): boolean => ["GET", "HEAD", "OPTIONS"].includes(method);

/** Whether a page of this server sent the request, as far as the browser tells. */
export function isFromOwnPage(request: FastifyRequest): boolean {
  const { origin, "sec-fetch-site": site, "x-ccsp-csrf": csrf } = request.headers;
  if (csrf !== "1") return false;
  return site === undefined ? origin === `${request.protocol}://${request.host}` : site === "same-origin";
}
