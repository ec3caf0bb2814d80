import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Provider } from "@ccsp/engine-kit";
import { withoutHop } from "../sandbox/host-proxy.js";
import { CODINGS } from "./meter.js";

/** A request that may go to the provider. */
export interface Admitted {
  readonly path: string;
  /** A model answers it. */
  readonly isMessage: boolean;
  /** With the login. */
  readonly headers: IncomingHttpHeaders;
  /**
   * The provider has refused this login. Resolves to the headers with another one, or to undefined if there is none. Absent:
   * there is never another.
   */
  readonly renew: (() => Promise<IncomingHttpHeaders | undefined>) | undefined;
}

/**
 * Looks at the method, the path and the headers of a request of a run. The path that goes on is the one that was looked
 * at. A request without the placeholder is refused here: the provider's own refusal would look like a lost login.
 */
export async function admitted(
  request: IncomingMessage,
  { provider, url }: { readonly provider: Provider; readonly url: URL },
): Promise<Admitted | { readonly refusal: string }> {
  // A path that begins with two slashes is no path: it would name another host.
  const asked = request.url?.startsWith("//") ? null : URL.parse(request.url ?? "", url.origin);
  const base = url.pathname.replace(/\/+$/, "");
  const path = asked?.pathname.startsWith(`${base}/`) ? asked.pathname.slice(base.length) : undefined;
  const named = `${request.method} ${path}`;
  const isMessage = provider.messages.includes(named);
  if (!asked || asked.origin !== url.origin || !(isMessage || provider.others.includes(named))) {
    return { refusal: "a run may ask only for messages, for the count of their tokens, and for settings" };
  }
  const withLogin = await loggedIn(request.headers, provider);
  if (withLogin === undefined) return { refusal: "a run may use only the login that it was given" };
  return { path: `${asked.pathname}${asked.search}`, isMessage, ...withLogin };
}

interface Secret {
  readonly value: string;
  readonly renew?: (() => Promise<string | undefined>) | undefined;
}

/** Undefined: it has no placeholder, or another login that it may not use. */
async function loggedIn(
  headers: IncomingHttpHeaders,
  { login, ownLogin }: Pick<Provider, "login" | "ownLogin">,
): Promise<Pick<Admitted, "headers" | "renew"> | undefined> {
  const { "x-api-key": key, authorization, ...others } = headers;
  const secretOf = async (asked: string): Promise<Secret | undefined> => {
    const brokered = login.find(({ placeholder }) => placeholder === asked);
    if (brokered === undefined) return ownLogin ? { value: asked } : undefined;
    const value = await brokered.secret();
    const { renew } = brokered;
    return { value, renew: renew && (() => renew(value)) };
  };
  const apiKey = key === undefined ? undefined : await secretOf(String(key));
  const [, bearer] = /^Bearer (\S+)$/.exec(authorization ?? "") ?? [];
  const token = bearer === undefined ? undefined : await secretOf(bearer);
  const own = (key !== undefined && apiKey === undefined) || (authorization !== undefined && token === undefined);
  if (own || (apiKey === undefined && token === undefined)) return undefined;
  const headersWith = (keyNow = apiKey?.value, tokenNow = token?.value): IncomingHttpHeaders => ({
    ...withoutConnection(others),
    ...(keyNow !== undefined && { "x-api-key": keyNow }),
    ...(tokenNow !== undefined && { authorization: `Bearer ${tokenNow}` }),
  });
  const renew = async () => {
    const [keyNow, tokenNow] = await Promise.all([apiKey?.renew?.(), token?.renew?.()]);
    return keyNow === undefined && tokenNow === undefined ? undefined : headersWith(keyNow, tokenNow);
  };
  return { headers: headersWith(), renew: apiKey?.renew || token?.renew ? renew : undefined };
}

/** Headers of one connection, which the client of the other connection writes itself. */
const withoutConnection = (headers: IncomingHttpHeaders): IncomingHttpHeaders => {
  const {
    host: _host,
    expect: _expect,
    "transfer-encoding": _coding,
    "proxy-authorization": _proxy,
    ...others
  } = headers;
  return { ...withoutHop(others), "accept-encoding": codings(others["accept-encoding"]) };
};

/** The run must not choose a coding that cannot be counted. */
const codings = (asked: string | string[] = ""): string =>
  CODINGS.filter((coding) => {
    const names = String(asked)
      .split(",")
      .filter((name) => !/;\s*q=0(\.0*)?\s*$/.test(name));
    return names.some((name) => name.split(";")[0]?.trim() === coding);
  }).join(", ") || "identity";

/** Engines take 401 and 429 for the state of the login. */
export const REFUSED = 403;

/** Answers as the provider does. */
export const refuse = (response: ServerResponse, why: string): void =>
  refuseAs(response, REFUSED, "permission_error", why);

/** Answers as a provider whose customer has no money left. */
export const refuseUnpaid = (response: ServerResponse, why: string): void =>
  refuseAs(response, 402, "billing_error", why);

function refuseAs(response: ServerResponse, status: number, type: string, why: string): void {
  const error = { type, message: `CCSP: ${why}` };
  response
    .writeHead(status, { "content-type": "application/json", "x-should-retry": "false" })
    .end(JSON.stringify({ type: "error", error }));
}
