export { AGENT_ID, type CallerCredentials, type Identity } from "./identity.js";
