export { authorise, effectiveScopes, hasScope, ROLES, type Role, SCOPES, type Scope } from "./access.js";
export { AGENT_ID, type CallerCredentials, type Identity } from "./identity.js";
