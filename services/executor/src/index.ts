export type { ExecutorConfig } from "./config.js";
export { executorService } from "./service.js";
