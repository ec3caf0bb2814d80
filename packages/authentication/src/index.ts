export { type AnyCredentialOptions, acceptAnyCredential, revoked } from "./any-credential.js";
export {
  API_KEY_ID,
  formatApiKey,
  hashOfSecret,
  isApiKey,
  newApiKeyId,
  newApiKeySecret,
  parseApiKey,
} from "./api-key.js";
export { type Authenticator, createAuthenticator, loadAuthenticator } from "./authenticator.js";
export { authoriseCertificate } from "./certificate.js";
export { type AuthenticationSettings, authenticationSettings } from "./settings.js";
