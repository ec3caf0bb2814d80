import {
  allowInsecureRequests,
  ClientSecretPost,
  type Configuration,
  customFetch,
  discovery,
  None,
} from "openid-client";
import { Agent, fetch } from "undici";
import { protectedAddress } from "./oidc-settings.js";

/** What logs people in at an issuer. */
export interface OidcClient {
  /** The issuer's URL, exactly as it stands in its tokens. */
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined: a public client, which proves nothing about itself. */
  readonly clientSecret?: string | undefined;
  /** The issuer's certificate authorities, as PEM. Undefined: those that Node trusts. */
  readonly ca?: string | undefined;
}

/** The longest time for each answer of the issuer. A person waits for it in front of a browser or a command. */
const ANSWER_S = 10;

/**
 * Asks the issuer to describe itself (OpenID Connect Discovery 1.0), and returns what the functions of openid-client
 * need. The issuer has 10 s for each answer. Plain HTTP is for an issuer on loopback only. Rejects with the error of
 * openid-client or of the network.
 */
export function discoverIssuer({ issuer, clientId, clientSecret, ca }: OidcClient): Promise<Configuration> {
  const url = new URL(issuer);
  const dispatcher = ca === undefined ? undefined : new Agent({ connect: { ca } });
  const proof = clientSecret === undefined ? None() : ClientSecretPost(clientSecret);
  return discovery(url, clientId, undefined, proof, {
    timeout: ANSWER_S,
    ...(url.protocol === "http:" && protectedAddress(issuer) && { execute: [allowInsecureRequests] }),
    // Node's own fetch takes no certificate authorities.
    ...(dispatcher && {
      [customFetch]: async (address, { body, headers, method, redirect, signal }) => {
        const answer = await fetch(address, {
          dispatcher,
          headers,
          method,
          redirect,
          ...(typeof body === "string" && { body }),
          ...(body instanceof URLSearchParams && { body: body.toString() }),
          ...(signal && { signal }),
        });
        return new Response(await answer.text(), { status: answer.status, headers: [...answer.headers] });
      },
    }),
  });
}
