export type { QueueConfig } from "./config.js";
export { AGENT_ID } from "./domain/ids.js";
export { queueService } from "./service.js";
