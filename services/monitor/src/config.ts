import {
  queueShards,
  type RedisSettings,
  redisSettings,
  type ServiceSettings,
  type Settings,
  serviceSettings,
} from "@ccsp/config";

export interface MonitorConfig {
  readonly service: ServiceSettings;
  readonly redis: RedisSettings;
  /** The number of partitions of the event stream. */
  readonly partitions: number;
}

export function define(settings: Settings): MonitorConfig {
  return {
    service: serviceSettings(settings, { name: "monitor", grpcPort: 3003, opsPort: 9003 }),
    redis: redisSettings(settings),
    partitions: queueShards(settings),
  };
}
