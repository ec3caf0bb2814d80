import { effectiveScopes, hasScope, ROLES, SCOPES } from "@ccsp/identity";

/** The roles that have a scope, the least first. Empty for a scope that this release does not know. */
export function rolesWith(name: string): readonly string[] {
  const scope = SCOPES.find((known) => known === name);
  if (scope === undefined) return [];
  return Object.entries(ROLES).flatMap(([role, scopes]) => (hasScope(scopes, scope) ? [role] : []));
}

/** The role that has exactly these scopes. */
export function roleOf(scopes: readonly string[]): string | undefined {
  const all = effectiveScopes(scopes);
  const found = Object.entries(ROLES).find(
    ([, of]) => of.length === all.length && of.every((scope) => all.includes(scope)),
  );
  return found?.[0];
}

/** What these scopes allow, in few words: their role, or the scopes. */
export function accessWords(scopes: readonly string[]): string {
  const role = roleOf(scopes);
  return role === undefined ? scopes.join(" ") || "no scopes" : `role ${role}`;
}
