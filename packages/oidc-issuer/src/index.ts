export { OIDC_API, type OidcIssuer, type OidcIssuerOptions, startOidcIssuer } from "./oidc-issuer.js";
export { approveInBrowser, deviceTokens, type Followed, followPages, type IssuedTokens } from "./oidc-login.js";
