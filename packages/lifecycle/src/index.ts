export type { ServiceDefinition, StartContext } from "./definition.js";
export type { Heartbeat, HeartbeatPart } from "./heartbeat/heartbeat.js";
export { containCrashes, logCrashes, runMain } from "./main.js";
export { type Open, type Resource, type RunOptions, runService, type ServiceContext } from "./run.js";
export { closeMsFor, startService } from "./start.js";
export { startList } from "./start-list.js";
