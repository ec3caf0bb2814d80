export type { GatewayConfig } from "./config.js";
export { SCOPES } from "./domain/access.js";
export { AGENT_ID } from "./domain/identity.js";
export { gatewayService } from "./service.js";
