export type { GatewayConfig } from "./config.js";
export { SCOPES } from "./domain/access.js";
export { gatewayService } from "./service.js";
