import { resolve } from "node:path";
import {
  queueShards,
  type RedisSettings,
  redisSettings,
  type ServiceSettings,
  type Settings,
  serviceSettings,
} from "@ccsp/config";
import { LANGUAGES, type Language } from "./text/templates.js";

export interface NotificationConfig {
  readonly service: ServiceSettings;
  readonly redis: RedisSettings;
  /** The number of partitions of the event stream. */
  readonly partitions: number;
  /** The channel that has every notice. */
  readonly file: {
    /** An absolute path. */
    readonly path: string;
    readonly maxBytes: number;
    readonly keep: number;
  };
  /** The absolute path of the file with channels and rules. */
  readonly channelsPath: string | undefined;
  readonly plugins: readonly string[];
  readonly language: Language;
  /** The absolute path of the folder with the operator's templates. */
  readonly templatesPath: string | undefined;
  readonly digestMs: number;
  readonly giveUpMs: number;
  readonly issuePollMs: number;
}

const MIB = 1024 * 1024;

export function define(settings: Settings): NotificationConfig {
  const filePath = settings.text("CCSP_NOTIFICATION_FILE", "JSON-lines file that notifications are appended to", {
    default: "./.ccsp/notifications.jsonl",
  });
  const maxMiB = settings.integer(
    "CCSP_NOTIFICATION_FILE_MIB",
    "size in MiB at which the file is renamed and a new one is begun; 0: never",
    { default: 100, min: 0, max: 1_000_000 },
  );
  const keep = settings.integer("CCSP_NOTIFICATION_FILE_KEEP", "number of renamed files that are kept", {
    default: 5,
    min: 1,
    max: 1_000,
  });
  const channelsPath = settings.optionalText(
    "CCSP_NOTIFICATION_CHANNELS",
    "YAML or JSON file with channels, rules and quiet hours (docs/notifications.md)",
  );
  const plugins = settings.list(
    "CCSP_NOTIFICATION_PLUGINS",
    "npm packages or absolute paths of modules that add kinds of channels",
    { default: [] },
  );
  const language = settings.oneOf("CCSP_NOTIFICATION_LANGUAGE", "language of the messages", LANGUAGES, {
    default: "en",
  });
  const templatesPath = settings.optionalText(
    "CCSP_NOTIFICATION_TEMPLATES",
    "folder with templates that replace the built-in ones: KIND.LANGUAGE.mustache",
  );
  return {
    service: serviceSettings(settings, { name: "notification", grpcPort: 3004, opsPort: 9004 }),
    redis: redisSettings(settings),
    partitions: queueShards(settings),
    file: { path: resolve(filePath), maxBytes: maxMiB * MIB, keep },
    channelsPath: channelsPath === undefined ? undefined : resolve(channelsPath),
    plugins,
    language,
    templatesPath: templatesPath === undefined ? undefined : resolve(templatesPath),
    digestMs: settings.durationMs(
      "CCSP_NOTIFICATION_DIGEST",
      "time between the first message of an incident and the one that says how often it was repeated; it doubles",
      { default: "1m", min: 100, max: 24 * 3_600_000 },
    ),
    giveUpMs: settings.durationMs("CCSP_NOTIFICATION_GIVE_UP", "time after which a delivery that fails is given up", {
      default: "24h",
      min: 1_000,
      max: 30 * 24 * 3_600_000,
    }),
    issuePollMs: settings.durationMs("CCSP_NOTIFICATION_ISSUE_POLL", "time between two looks at a watched issue", {
      default: "30s",
      min: 100,
      max: 3_600_000,
    }),
  };
}
