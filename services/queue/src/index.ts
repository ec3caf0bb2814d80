export type { QueueConfig } from "./config.js";
export { AGENT_ID } from "./domain/fields/ids.js";
export { queueService } from "./service.js";
