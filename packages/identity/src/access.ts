import { Refusal } from "@ccsp/errors";
import type { Identity } from "./identity.js";

/** Everything that a caller can be allowed to do. */
export const SCOPES = ["tasks:submit", "tasks:read", "tasks:cancel"] as const;
export type Scope = (typeof SCOPES)[number];

/**
 * Returns the caller if it has all of these scopes. Otherwise it refuses with SCOPE_MISSING, which names the first
 * scope that is missing.
 */
export function authorise(needed: readonly Scope[], caller: Identity): Identity {
  const { kind, subject, proof, scopes } = caller;
  const missing = needed.find((scope) => !scopes.includes(scope));
  if (missing === undefined) return caller;
  throw new Refusal("SCOPE_MISSING", `${kind} ${subject} may not do this: its ${proof} lacks the scope ${missing}`, {
    metadata: { scope: missing },
  });
}
