export type { ExecutorConfig } from "./config.js";
export { openSandbox } from "./sandbox/open.js";
export { loadExecutorService } from "./service.js";
