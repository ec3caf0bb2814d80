import type { FastifyReply, FastifyRequest } from "fastify";
import type { Journey } from "./oidc.js";

const LIFE_S = 600;

const nameOf = (secure: boolean): string => (secure ? "__Host-ccsp_oidc" : "ccsp_oidc");

/** `lax`, because the browser comes back from the issuer, which is another site. */
const attributes = (secure: boolean) => ({ httpOnly: true, sameSite: "lax", secure, path: "/" }) as const;

/** Keeps in the browser what proves that it began this sign-in, for ten minutes. */
export function keepJourney(reply: FastifyReply, { state, nonce, verifier }: Journey, secure: boolean): void {
  reply.setCookie(nameOf(secure), [state, nonce, verifier].join("."), { ...attributes(secure), maxAge: LIFE_S });
}

export function journeyOf(request: FastifyRequest, secure: boolean): Journey | undefined {
  const [state, nonce, verifier, ...rest] = (request.cookies[nameOf(secure)] ?? "").split(".");
  return state && nonce && verifier && rest.length === 0 ? { state, nonce, verifier } : undefined;
}

export function forgetJourney(reply: FastifyReply, secure: boolean): void {
  reply.clearCookie(nameOf(secure), attributes(secure));
}
