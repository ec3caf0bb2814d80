export type { QueueConfig } from "./config.js";
export { queueService } from "./service.js";
