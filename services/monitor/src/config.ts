import {
  queueShards,
  type RedisSettings,
  redisSettings,
  type ServiceSettings,
  type Settings,
  serviceSettings,
} from "@ccsp/config";
import type { Mode } from "./adaptation/adaptation.js";
import { adaptationMode } from "./adaptation/config.js";
import { fleetSettings } from "./fleet/config.js";
import type { Patience } from "./fleet/domain/health.js";
import { defineSession } from "./session/config.js";
import type { Waits } from "./session/domain/session.js";
import { objectiveSettings } from "./slo/config.js";
import type { Objective } from "./slo/domain/objectives.js";
import { isTimeZone, TIME_ZONE_RULE } from "./usage/domain/period.js";

export interface MonitorConfig {
  readonly service: ServiceSettings;
  readonly redis: RedisSettings;
  /** The number of partitions of the event stream. */
  readonly partitions: number;
  readonly queueTarget: string;
  readonly notificationTarget: string;
  /** The keys of labels by which usage is counted. */
  readonly usageLabels: readonly string[];
  /** The most rows of a bucket of usage. */
  readonly usageRows: number;
  /** For how many days each counted attempt is kept. 0: none is. */
  readonly ledgerDays: number;
  /** The time zone whose days usage is reported by when a caller names none. */
  readonly timeZone: string;
  /** When an instance without heartbeats is late, and when it is gone. */
  readonly patience: Patience;
  readonly objectives: readonly Objective[];
  /** How often the rules of alerts are judged. */
  readonly alertsEveryMs: number;
  readonly sessionWaits: Waits;
  /** Whether the monitor slows work down before a limit is reached. */
  readonly adaptation: Mode;
}

export function define(settings: Settings): MonitorConfig {
  return {
    service: serviceSettings(settings, { name: "monitor", grpcPort: 3003, opsPort: 9003 }),
    redis: redisSettings(settings),
    partitions: queueShards(settings),
    queueTarget: settings.text("CCSP_QUEUE_TARGET", "gRPC target of the queue", { default: "consul:///queue" }),
    notificationTarget: settings.text("CCSP_NOTIFICATION_TARGET", "gRPC target of the notification service", {
      default: "consul:///notification",
    }),
    usageLabels: settings.list("CCSP_MONITOR_USAGE_LABELS", "keys of the labels of tasks by which usage is counted", {
      default: [],
      pattern: /^[A-Za-z0-9._/-]{1,63}$/,
      form: "keys with commas between them, of at most 63 letters, digits and ._/-",
    }),
    usageRows: settings.integer(
      "CCSP_MONITOR_USAGE_ROWS",
      "most combinations of agent, engine, account, model, class and label that an hour or a day counts apart",
      { default: 1_000, min: 10, max: 100_000 },
    ),
    ledgerDays: settings.integer(
      "CCSP_MONITOR_LEDGER_DAYS",
      "days for which each counted attempt is kept by itself; 0: none is",
      {
        default: 90,
        min: 0,
        max: 731,
      },
    ),
    timeZone: usageTimeZone(settings),
    patience: fleetSettings(settings),
    objectives: objectiveSettings(settings),
    alertsEveryMs: settings.durationMs("CCSP_MONITOR_ALERTS_EVERY", "time between two looks at the rules of alerts", {
      default: "15s",
      min: 100,
      max: 300_000,
    }),
    sessionWaits: defineSession(settings),
    adaptation: adaptationMode(settings),
  };
}

function usageTimeZone(settings: Settings): string {
  const name = "CCSP_MONITOR_TIME_ZONE";
  const zone = settings.text(name, "time zone of the days of usage when a caller names none: an IANA name", {
    default: "UTC",
  });
  if (!isTimeZone(zone)) settings.fault(`${name} ${TIME_ZONE_RULE}`);
  return zone;
}
