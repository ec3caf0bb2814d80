export { formatDuration, parseDuration } from "./duration.js";
export { findExecutable } from "./executable.js";
export { type HostPort, isLoopback, parseHostPort } from "./host-port.js";
export { defaultInWords, formInWords } from "./in-words.js";
export { ConfigError, describeSettings, type Env, load, namesFor } from "./load.js";
export { nearestName } from "./misspelt.js";
export { callerUnreadBytes, queueShards, redisUrl, type ServiceSettings, serviceSettings } from "./service-settings.js";
export type { SettingDescription, Settings } from "./settings.js";
