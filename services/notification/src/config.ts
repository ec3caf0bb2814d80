import { resolve } from "node:path";
import {
  queueShards,
  type RedisSettings,
  redisSettings,
  type ServiceSettings,
  type Settings,
  serviceSettings,
} from "@ccsp/config";

export interface NotificationConfig {
  readonly service: ServiceSettings;
  readonly redis: RedisSettings;
  /** The number of partitions of the event stream. */
  readonly partitions: number;
  /** An absolute path. */
  readonly filePath: string;
}

export function define(settings: Settings): NotificationConfig {
  const filePath = settings.text("CCSP_NOTIFICATION_FILE", "JSON-lines file that notifications are appended to", {
    default: "./.ccsp/notifications.jsonl",
  });
  return {
    service: serviceSettings(settings, { name: "notification", grpcPort: 3004, opsPort: 9004 }),
    redis: redisSettings(settings),
    partitions: queueShards(settings),
    filePath: resolve(filePath),
  };
}
