import { Refusal } from "@ccsp/errors";
import type { FastifyRequest } from "fastify";

declare module "fastify" {
  interface FastifyInstance {
    /** The host of this server as browsers name it, if the setting says it: a proxy may change the header `Host`. */
    readonly publicHost?: string | undefined;
  }
}

/** The header that pages of other sites cannot send: a browser asks this server first, and it does not agree. */
const CSRF_HEADER = "x-ccsp-csrf";

const READS = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses a request that a page of another site may have made in the name of the person whose cookie it carries. Call
 * it for each request that the cookie proves. Requests that only read pass: browsers keep their answers from other
 * sites. A WebSocket is no such request, because its answers are kept from nobody.
 */
export function refuseForgery(request: FastifyRequest): void {
  const isWebSocket = request.headers.upgrade?.toLowerCase() === "websocket";
  if (!isWebSocket && READS.has(request.method)) return;
  if (!isSameOrigin(request)) throw forged("it comes from another site");
  // A browser sends no header of ours with the beginning of a WebSocket.
  if (!isWebSocket && request.headers[CSRF_HEADER] !== "1") throw forged(`it lacks the header \`${CSRF_HEADER}: 1\``);
}

/** Whether the browser says that a page of this server makes the request. */
function isSameOrigin({ headers, server }: FastifyRequest): boolean {
  const site = headers["sec-fetch-site"];
  // The browser itself knows best, also behind a proxy that changes `Host`. It says nothing on plain HTTP.
  if (site !== undefined) return site === "same-origin";
  const { origin, host } = headers;
  return origin !== undefined && URL.canParse(origin) && [host, server.publicHost].includes(new URL(origin).host);
}

const forged = (why: string): Refusal =>
  new Refusal("CROSS_SITE_REQUEST", `the request is proven by the cookie of a sign-in, and ${why}`);
