import { signal } from "@preact/signals";
import { ApiError, send, signedOut } from "./api.js";

/** Who is signed in, as `GET /session` says it. */
export interface Session {
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly expireTime?: string;
}

/** Undefined before it is known and when nobody is signed in. */
export const session = signal<Session | undefined>(undefined);

/** The gateway can sign people in at the organisation's own service. */
export const oidcOffered = signal(false);

/** Whether the signed-in person has a scope, such as `queue:manage`. */
export const may = (scope: string): boolean => session.value?.scopes.includes(scope) ?? false;

/** Reads who is signed in. When nobody is, `signedOut` becomes true. */
export async function loadSession(): Promise<void> {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the path says what its answer is
    session.value = (await send("GET", "/session")) as Session;
    signedOut.value = false;
  } catch (error) {
    if (!(error instanceof ApiError) || error.problem.status !== 401) throw error;
    signedOut.value = true;
  }
}

/** Signs in with a token or an API key. The gateway keeps it in a cookie that no script can read. */
export async function signIn(token: string): Promise<void> {
  await send("POST", "/session", { token });
  await loadSession();
}

export async function signOut(): Promise<void> {
  await send("DELETE", "/session");
  session.value = undefined;
  signedOut.value = true;
}
