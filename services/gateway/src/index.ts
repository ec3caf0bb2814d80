export type { GatewayConfig } from "./config.js";
export { ROUTES, type Route, WITHOUT_ROUTE } from "./rest/routes.js";
export { rpcsOf } from "./rest/rpc.js";
export { gatewayService } from "./service.js";
