import { consumeEvents, withEventSpan } from "@ccsp/events";
import { implement } from "@ccsp/grpc-kit";
import type { ServiceDefinition } from "@ccsp/lifecycle";
import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { openRedis } from "@ccsp/redis-kit";
import { createFileChannel } from "./channels/file-channel.js";
import { define, type NotificationConfig } from "./config.js";
import { createNotifier } from "./domain/notifier.js";
import { noticeOfEvent } from "./events/notice-of-event.js";
import { notificationHandlers } from "./grpc/handlers.js";
import { createNotificationMetrics } from "./metrics.js";
import { createRedisDeliveryLog } from "./redis/redis-delivery-log.js";

/** The notification service: it notifies people and systems of events. */
export const notificationService: ServiceDefinition<NotificationConfig> = {
  name: "notification",
  summary: "NotificationService: delivers events to channels and lists what was delivered",
  define,

  async start({ service, redis: redisSettings, partitions, filePath }, { open, log, registry, serveOps, serveGrpc }) {
    const { countDelivery, countOutcome } = createNotificationMetrics(registry);

    const redis = await open("redis", openRedis(redisSettings, { log, name: "notification" }));
    await serveOps({ redis: () => redis.ping() });

    const deliveries = createRedisDeliveryLog(redis.client);
    const channels = [await open("file channel", createFileChannel(filePath))];
    for (const channel of channels) {
      const notify = createNotifier({ channel, log: deliveries, now: () => new Date(), count: countOutcome });
      const handle = async (event: Event): Promise<void> => {
        const notice = noticeOfEvent(event);
        if (notice !== undefined) await withEventSpan("notification deliver", event, () => notify(notice));
      };
      const consumer = { redis, group: groupOf(channel.name), consumer: service.instance, partitions };
      await open(`events for ${channel.name}`, consumeEvents({ ...consumer, handle, count: countDelivery, log }));
    }

    await serveGrpc([implement(NotificationServiceService, notificationHandlers(deliveries))]);
  },
};

/**
 * Each channel has its own consumer group, so a slow channel does not delay the others. The group of the file channel
 * has another name because it is older than this rule.
 */
const groupOf = (channel: string): string => (channel === "file" ? "notification" : `notification.${channel}`);
