export type { MonitorConfig } from "./config.js";
export { monitorService } from "./service.js";
