export type { ConsulSettings } from "./consul-settings.js";
export { formatDuration, parseDuration } from "./duration.js";
export { findExecutable } from "./executable.js";
export { formatHostPort, type HostPort, parseHostPort } from "./host-port.js";
export { defaultInWords, formInWords } from "./in-words.js";
export { ConfigError, describeSettings, type Env, load, namesFor } from "./load.js";
export { isLoopback } from "./loopback.js";
export { nearestName } from "./misspelt.js";
export { type RedisSettings, redisSettings } from "./redis-settings.js";
export {
  callerUnreadBytes,
  monitorTarget,
  queueShards,
  type ServiceSettings,
  serviceSettings,
} from "./service-settings.js";
export type { SettingDescription, Settings } from "./settings.js";
export { judgePublicPort } from "./tls-settings.js";
