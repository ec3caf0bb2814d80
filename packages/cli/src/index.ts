export { createToken, SCOPES, type TokenOptions } from "./create-token.js";
