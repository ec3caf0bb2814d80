export { authorise, effectiveScopes, hasScope, mayUse, ROLES, type Role, SCOPES, type Scope } from "./access.js";
export { type CertificateName, certificateName, uriOf } from "./certificate-name.js";
export { AGENT_ID, agentIdFault, type CallerCredentials, type Identity, OIDC_PERSON } from "./identity.js";
