export { ConfigError, describeSettings, type Env, load, namesFor } from "./load.js";
export { callerUnreadBytes, queueShards, redisUrl, type ServiceSettings, serviceSettings } from "./service-settings.js";
export type { ListenAddress, SettingDescription, Settings } from "./settings.js";
