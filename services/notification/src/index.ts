export type { NotificationConfig } from "./config.js";
export { notificationService } from "./service.js";
