import { consumeEvents, withEventSpan } from "@ccsp/events";
import { implement } from "@ccsp/grpc-kit";
import type { ServiceDefinition } from "@ccsp/lifecycle";
import { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { openRedis } from "@ccsp/redis-kit";
import { pino } from "pino";
import { define, type NotificationConfig } from "./config.js";
import { deliverAll } from "./delivery/deliver-all.js";
import { failingNotice } from "./delivery/failing-notice.js";
import type { Notice } from "./domain/notice.js";
import { createEventHandler } from "./events/handle-event.js";
import { notificationHandlers } from "./grpc/handlers.js";
import { openIssueChanges } from "./issues/issue-changes.js";
import { createNotificationMetrics } from "./metrics.js";
import { createGuardedFetch } from "./net/guarded-fetch.js";
import { createTargets } from "./net/targets.js";
import { createRedisNoticeStore } from "./redis/redis-notice-store.js";
import { createIntake } from "./routing/intake.js";
import { NO_CHANNELS, readChannelsFile } from "./setup/channels-file.js";
import { openChannels } from "./setup/open-channels.js";
import { readTemplates } from "./setup/templates-folder.js";
import { summaryOf } from "./text/render.js";

/** The group of the events. It is older than the channels' own queues. */
const GROUP = "notification";

/** The notification service: it notifies people and systems of events. */
export const notificationService: ServiceDefinition<NotificationConfig> = {
  name: "notification",
  summary: "NotificationService: delivers events to channels and lists what was delivered",
  define,

  async check(config) {
    const { plugins, language, file } = config;
    const { configured, overrides } = await readFiles(config);
    const targets = createTargets(configured.network);
    const connections = createGuardedFetch(targets);
    try {
      const { fetch } = connections;
      const setup = { file, channels: configured.channels, plugins, language, overrides, targets, fetch };
      const channels = await openChannels({ ...setup, log: pino({ level: "silent" }) });
      for (const { channel } of channels) await channel.close?.();
    } finally {
      await connections.close();
    }
  },

  async start(config, { open, log, stopping, registry, serveOps, serveGrpc }) {
    const { service, partitions, plugins, language, file } = config;
    const { countDelivery, countOutcome } = createNotificationMetrics(registry);
    const now = (): Date => new Date();
    const { configured, overrides } = await readFiles(config);

    const redis = await open("redis", openRedis(config.redis, { log, name: "notification", stopping }));
    await serveOps({ redis: () => redis.ping() });

    const targets = createTargets(configured.network);
    const { fetch } = await open("connections", createGuardedFetch(targets));
    const setup = { file, channels: configured.channels, plugins, language, overrides, targets, fetch, log };
    const channels = await openChannels(setup);
    for (const { name, channel } of channels) await open(`channel ${name}`, { close: async () => channel.close?.() });

    const names = channels.map(({ name }) => name);
    const store = createRedisNoticeStore(redis.client, { channels: names, digestMs: config.digestMs });
    let wake = (): void => undefined;
    const intake = createIntake({
      channels: channels.map(({ name, use, channel }) => {
        const quietHours = configured.channels.find((each) => each.name === name)?.quietHours;
        return { name, records: use.records, hasIssues: channel.issues !== undefined, quietHours };
      }),
      ...{ rules: configured.rules, store, now },
      onRepeat: (channel) => countOutcome(channel, "repeat"),
      onAccepted: () => wake(),
    });
    const delivering = await open(
      "deliveries",
      deliverAll(channels, {
        store,
        now,
        inSpan,
        log,
        summary: summaryOf,
        giveUpMs: config.giveUpMs,
        count: countOutcome,
        onDead: async (channel, notice, cause) => {
          const failing = failingNotice(channel, notice, cause, { channels: names, now: now() });
          if (failing !== undefined) await intake.accept(failing);
        },
      }),
    );
    ({ wake } = delivering);
    const handle = createEventHandler({ intake, client: redis.client, now });
    const consumer = { redis, group: GROUP, consumer: service.instance, partitions };
    await open("events", consumeEvents({ ...consumer, handle, count: countDelivery, log }));

    const changes = await open("issue changes", openIssueChanges(redis));
    const issues = { pollMs: config.issuePollMs, changes, log };
    const handlers = notificationHandlers({ store, intake, channels, now, wake, ...issues });
    await serveGrpc([implement(NotificationServiceService, handlers)]);
  },
};

/** Reads the file of channels and the templates. */
async function readFiles({ channelsPath, templatesPath }: NotificationConfig) {
  return {
    configured: channelsPath === undefined ? NO_CHANNELS : await readChannelsFile(channelsPath),
    overrides: templatesPath === undefined ? {} : await readTemplates(templatesPath),
  };
}

function inSpan<T>({ id, taskId, agentId, traceparent }: Notice, _channel: string, work: () => Promise<T>): Promise<T> {
  return withEventSpan("notification deliver", Event.fromPartial({ id, taskId, agentId, traceparent }), work);
}
