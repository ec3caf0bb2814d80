export { type Authenticator, createAuthenticator, loadAuthenticator } from "./authenticator.js";
export { authoriseCertificate } from "./certificate.js";
export { type AuthenticationSettings, authenticationSettings } from "./settings.js";
