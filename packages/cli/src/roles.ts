import { hasScope, ROLES, SCOPES } from "@ccsp/identity";

/** The roles that have a scope, in words: `role operator or admin`. Empty for a scope that this release does not know. */
export function rolesWith(name: string): string {
  const scope = SCOPES.find((known) => known === name);
  if (scope === undefined) return "";
  const roles = Object.entries(ROLES).flatMap(([role, scopes]) => (hasScope(scopes, scope) ? [role] : []));
  return `role ${roles.join(" or ")}`;
}
