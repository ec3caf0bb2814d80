import { signal } from "@preact/signals";
import { ApiError, send, signedOut } from "./api.js";
import { currentAddress, navigate } from "./router.js";

/** Who is signed in, as `GET /session` says it. */
export interface Session {
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly expireTime?: string;
  /** The address of a trace in the tracing system, with `{traceId}` in the place of its id. */
  readonly traceUrl?: string;
}

/** Undefined before it is known and when nobody is signed in. It stays when the sign-in expires. */
export const session = signal<Session | undefined>(undefined);

/** The gateway can sign people in at the organisation's own service. */
export const oidcOffered = signal(false);

/** Whether the signed-in person has a scope, such as `queue:manage`. */
export const may = (scope: string): boolean => session.value?.scopes.includes(scope) ?? false;

/** Reads who is signed in. When nobody is, `signedOut` becomes true. */
export async function loadSession(): Promise<void> {
  const answer = await send("GET", "/session").catch((error: unknown) => {
    if (error instanceof ApiError && error.problem.status === 401) return {};
    throw error;
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the path says what its answer is
  const { oidc = oidcOffered.value, ...person } = answer as Partial<Session> & { readonly oidc?: boolean };
  oidcOffered.value = oidc;
  const { subject, scopes = [] } = person;
  if (subject !== undefined) {
    session.value = { ...person, subject, scopes };
    returnToAddress();
  }
  signedOut.value = subject === undefined;
}

/** Signs in with a token or an API key. The gateway keeps it in a cookie that no script can read. */
export async function signIn(token: string): Promise<void> {
  await send("POST", "/session", { token });
  await loadSession();
}

/** Reloads the page, so that no data of this person stays in memory. */
export async function signOut(): Promise<void> {
  await send("DELETE", "/session");
  location.reload();
}

const RETURN_KEY = "ccsp.return";

/** Keeps the address while the person is at the organisation's own sign-in, which comes back to `/`. */
export const keepAddress = (): void => sessionStorage.setItem(RETURN_KEY, currentAddress());

function returnToAddress(): void {
  const kept = sessionStorage.getItem(RETURN_KEY);
  sessionStorage.removeItem(RETURN_KEY);
  if (kept) navigate(kept, { replace: true });
}
