import { consumeEvents, withEventSpan } from "@ccsp/events";
import { implement } from "@ccsp/grpc-kit";
import { containCrashes, type ServiceDefinition, startList } from "@ccsp/lifecycle";
import { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { openRedis } from "@ccsp/redis-kit";
import { type Logger, pino } from "pino";
import { define, type NotificationConfig } from "./config.js";
import { blame } from "./delivery/contained.js";
import type { Notice } from "./domain/notice.js";
import { createEventHandler } from "./events/handle-event.js";
import { notificationHandlers } from "./grpc/handlers.js";
import { openIssueChanges } from "./issues/issue-changes.js";
import { createNotificationMetrics } from "./metrics.js";
import { createGuardedFetch } from "./net/guarded-fetch.js";
import { createTargets } from "./net/targets.js";
import { createRedisNoticeStore } from "./redis/redis-notice-store.js";
import { NO_CHANNELS, readChannelsFile } from "./setup/channels-file.js";
import { openChannels } from "./setup/open-channels.js";
import { openDeliveries } from "./setup/open-deliveries.js";
import { readTemplates } from "./setup/templates-folder.js";

/** The group of the events. It is older than the channels' own queues. */
const GROUP = "notification";

const now = (): Date => new Date();

const START = startList<NotificationConfig>()
  .add("metrics", ({ registry }) => createNotificationMetrics(registry))
  .add("files", ({ config }) => readFiles(config))
  .open("containment", ({ log }) => containCrashes((err) => logBlamed(err, log)))
  .open("redis", ({ config, log, stopping }) => openRedis(config.redis, { log, name: "notification", stopping }))
  .add("ops", ({ redis, serveOps }) => serveOps({ redis: () => redis.ping() }))
  .add("targets", ({ files }) => createTargets(files.configured.network))
  .open("connections", ({ targets }) => createGuardedFetch(targets))
  .add("channels", async ({ config, files, targets, connections: { fetch }, open, log }) => {
    const channels = await openChannels({ ...setupOf(config, files), targets, fetch, log });
    for (const { name, channel } of channels) await open(`channel ${name}`, { close: async () => channel.close?.() });
    return channels;
  })
  .add("store", ({ config: { digestMs }, redis, channels, log }) =>
    createRedisNoticeStore(redis.client, { channels: channels.map(({ name }) => name), digestMs, log }),
  )
  .open("deliveries", ({ config: { giveUpMs }, files: { configured }, channels, store, metrics, log }) => {
    const from = { channels, configured: configured.channels, rules: configured.rules, store };
    return openDeliveries({ ...from, now, inSpan, giveUpMs, count: metrics.countOutcome, log });
  })
  .open("events", ({ config, redis, deliveries: { intake }, metrics, log }) => {
    const handle = createEventHandler({ intake, client: redis.client, now });
    const reader = { group: GROUP, consumer: config.service.instance, partitions: config.partitions };
    return consumeEvents({ redis, ...reader, handle, count: metrics.countDelivery, log });
  })
  .open("issue changes", ({ redis }) => openIssueChanges(redis))
  .add(
    "grpc",
    ({ config, store, deliveries: { intake, wake }, channels, "issue changes": changes, log, serveGrpc }) => {
      const issues = { pollMs: config.issuePollMs, changes, log };
      const handlers = notificationHandlers({ store, intake, channels, now, wake, ...issues });
      return serveGrpc([implement(NotificationServiceService, handlers)]);
    },
  );

/** The notification service: it notifies people and systems of events. */
export const notificationService: ServiceDefinition<NotificationConfig> = {
  name: "notification",
  summary: "NotificationService: delivers events to channels and lists what was delivered",
  define,

  async check(config) {
    const files = await readFiles(config);
    const targets = createTargets(files.configured.network);
    const connections = createGuardedFetch(targets);
    try {
      const { fetch } = connections;
      const log = pino({ level: "silent" });
      const channels = await openChannels({ ...setupOf(config, files), targets, fetch, log });
      for (const { channel } of channels) await channel.close?.();
    } finally {
      await connections.close();
    }
  },

  start: START.start,
};

/** A channel whose code fails outside of its calls must not end the deliveries of all others. */
function logBlamed(err: unknown, log: Logger): boolean {
  const channel = blame(err);
  if (channel !== undefined) log.error({ err, channel }, "the code of a channel failed outside of its calls");
  return channel !== undefined;
}

/** Reads the file of channels and the templates. */
async function readFiles({ channelsPath, templatesPath }: NotificationConfig) {
  return {
    configured: channelsPath === undefined ? NO_CHANNELS : await readChannelsFile(channelsPath),
    overrides: templatesPath === undefined ? {} : await readTemplates(templatesPath),
  };
}

/** What the settings say of the channels. */
function setupOf(config: NotificationConfig, { configured, overrides }: Awaited<ReturnType<typeof readFiles>>) {
  const { plugins, language, file } = config;
  return { file, channels: configured.channels, plugins, language, overrides };
}

function inSpan<T>(
  { id, kind: type, taskId, traceparent }: Notice,
  _channel: string,
  work: () => Promise<T>,
): Promise<T> {
  return withEventSpan("notification deliver", { id, type, taskId, traceparent }, work);
}
