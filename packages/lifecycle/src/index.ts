export type { ServiceDefinition, StartContext } from "./definition.js";
export { runMain } from "./main.js";
export { type Open, type Resource, type RunOptions, runService, type ServiceContext } from "./run.js";
export { closeMsFor, startService } from "./start.js";
