/**
 * Does what a person does in a browser at the page of a device login: follows the pages of the issuer, logs in as `sub`
 * and agrees. Resolves to the text of the last page.
 */
export async function approveInBrowser(page: string, sub: string): Promise<string> {
  return (await followPages(page, sub)).html;
}

/** Where a browser is after the pages of a log-in. */
export interface Followed {
  readonly url: URL;
  readonly status: number;
  readonly html: string;
  /** All cookies that were set on the way. */
  readonly cookies: ReadonlyMap<string, string>;
}

/** The same for a log-in that begins at any page. It ends at the first page without a form. */
export async function followPages(page: string, sub: string): Promise<Followed> {
  const cookies = new Map<string, string>();
  let url = new URL(page);
  let body: URLSearchParams | undefined;
  for (let step = 0; step < 20; step += 1) {
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(body && { method: "POST", body }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get("location");
    body = undefined;
    if (location !== null) {
      url = new URL(location, url);
      continue;
    }
    const html = await response.text();
    const action = /<form[^>]* action="([^"]+)"/.exec(html)?.[1];
    if (action === undefined) return { url, status: response.status, html, cookies };
    url = new URL(action, url);
    body = filled(html, sub);
  }
  throw new Error("the login does not end");
}

function filled(html: string, sub: string): URLSearchParams {
  const values = new URLSearchParams();
  for (const [input] of html.matchAll(/<input[^>]*>/g)) {
    const [name, value] = ["name", "value"].map((what) => new RegExp(`\\b${what}="([^"]*)"`).exec(input)?.[1]);
    if (name !== undefined) values.set(name, name === "login" ? sub : name === "password" ? "any" : (value ?? ""));
  }
  return values;
}

export interface IssuedTokens {
  readonly idToken: string;
  /** A JWT if an API was named, else an opaque text. */
  readonly accessToken: string;
}

/** Logs a person in by the device flow (RFC 8628) with plain requests. */
export async function deviceTokens(
  issuer: string,
  { sub, client = "ccsp", api }: { sub: string; client?: string; api?: string },
): Promise<IssuedTokens> {
  const post = async (path: string, fields: Record<string, string>): Promise<Record<string, unknown>> => {
    const body = new URLSearchParams({ client_id: client, ...(api !== undefined && { resource: api }), ...fields });
    const answer = await fetch(`${issuer}${path}`, { method: "POST", body });
    return Object(await answer.json());
  };
  const { device_code: code, verification_uri_complete: page } = await post("/device/auth", { scope: "openid" });
  await approveInBrowser(String(page), sub);
  const tokens = await post("/token", {
    grant_type: "urn:ietf:params:oauth:grant-type:device_code",
    device_code: String(code),
  });
  const { id_token: idToken, access_token: accessToken } = tokens;
  if (typeof idToken === "string" && typeof accessToken === "string") return { idToken, accessToken };
  throw new Error(`no tokens: ${JSON.stringify(tokens)}`);
}
