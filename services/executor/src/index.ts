export type { ExecutorConfig } from "./config.js";
export { loadExecutorService } from "./service.js";
