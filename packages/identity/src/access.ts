import { Refusal } from "@ccsp/errors";
import type { Identity } from "./identity.js";

/**
 * Everything that a caller can be allowed to do. `tasks:read` is for the caller's own tasks. `tasks:read-all` shows the
 * states of all tasks; only `prompts:read` shows the content of those of others. `admin` implies every other scope.
 */
export const SCOPES = [
  "tasks:submit",
  "tasks:read",
  "tasks:cancel",
  "tasks:read-all",
  "prompts:read",
  "queue:manage",
  "executor:manage",
  "monitor:read",
  "monitor:manage",
  "notify:manage",
  "audit:read",
  "keys:manage",
  "admin",
] as const;
export type Scope = (typeof SCOPES)[number];

const AGENT: readonly Scope[] = ["tasks:submit", "tasks:read", "tasks:cancel"];
const VIEWER: readonly Scope[] = ["tasks:read-all", "monitor:read"];
const OPERATOR: readonly Scope[] = [
  ...AGENT,
  ...VIEWER,
  "queue:manage",
  "executor:manage",
  "monitor:manage",
  "notify:manage",
];

/** Named sets of scopes. */
export const ROLES = {
  agent: AGENT,
  viewer: VIEWER,
  operator: OPERATOR,
  admin: SCOPES,
} as const satisfies Record<string, readonly Scope[]>;
export type Role = keyof typeof ROLES;

/** Whether these scopes contain or imply this one. */
export const hasScope = (scopes: readonly string[], scope: Scope): boolean => allows(scopes, scope);

/** Whether the caller has or implies this scope, as `authorise` asks for it. */
export const mayUse = ({ scopes }: Identity, scope: string): boolean => allows(scopes, scope);

const allows = (scopes: readonly string[], scope: string): boolean =>
  scopes.includes(scope) || scopes.includes("admin");

/** These scopes with all that they imply, each once. */
export const effectiveScopes = (scopes: readonly string[]): string[] => [
  ...new Set(scopes.includes("admin") ? [...scopes, ...SCOPES] : scopes),
];

/**
 * Returns the caller if it has all of these scopes. Otherwise it refuses with SCOPE_MISSING, which names the first
 * scope that is missing.
 */
export function authorise(needed: readonly string[], caller: Identity): Identity {
  const { kind, subject, proof, scopes } = caller;
  const missing = needed.find((scope) => !allows(scopes, scope));
  if (missing === undefined) return caller;
  const why = proof === "oidc" ? "no group of this person gives" : `its ${proof} lacks`;
  throw new Refusal("SCOPE_MISSING", `${kind} ${subject} may not do this: ${why} the scope ${missing}`, {
    metadata: { scope: missing },
  });
}
