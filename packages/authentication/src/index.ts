export { type Authenticator, createAuthenticator, loadAuthenticator } from "./authenticator.js";
export { type AuthenticationSettings, authenticationSettings } from "./settings.js";
