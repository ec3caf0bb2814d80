import type { FastifyReply, FastifyRequest } from "fastify";
import { onlyCookie } from "../http/only-cookie.js";
import type { Journey } from "./oidc.js";

const LIFE_S = 600;

/** `lax`, because the browser comes back from the issuer, which is another site. */
const attributesOf = ({ server }: FastifyReply | FastifyRequest) =>
  ({ httpOnly: true, sameSite: "lax", secure: server.sessionCookie.secure, path: "/" }) as const;

const nameOf = ({ server }: FastifyReply | FastifyRequest): string =>
  server.sessionCookie.secure ? "__Host-ccsp_oidc" : "ccsp_oidc";

/** Keeps in the browser what proves that it began this sign-in, for ten minutes. */
export function keepJourney(reply: FastifyReply, { state, nonce, verifier }: Journey): void {
  reply.setCookie(nameOf(reply), [state, nonce, verifier].join("."), { ...attributesOf(reply), maxAge: LIFE_S });
}

export function journeyOf(request: FastifyRequest): Journey | undefined {
  const [state, nonce, verifier, ...rest] = (onlyCookie(request, nameOf(request)) ?? "").split(".");
  return state && nonce && verifier && rest.length === 0 ? { state, nonce, verifier } : undefined;
}

export function forgetJourney(reply: FastifyReply): void {
  reply.clearCookie(nameOf(reply), attributesOf(reply));
}
