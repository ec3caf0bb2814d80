export { AGENT_ID } from "@ccsp/identity";
export type { GatewayConfig } from "./config.js";
export { SCOPES } from "./domain/access.js";
export { gatewayService } from "./service.js";
