import { bindScript, oneOf, orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import type { DeliveryLog } from "../domain/delivery-log.js";
import type { Delivery } from "../domain/notification.js";
import { fromJsonLine, toJsonLine } from "../message.js";

/** The {braces} put all keys on one cluster node. */
const PREFIX = "ccsp:notify:{log}:";
export const KEYS = { log: `${PREFIX}entries`, delivered: `${PREFIX}delivered` } as const;

/** The number of deliveries that can be listed. They take about 4 MB. */
const KEPT = 10_000;
/**
 * An event is normally delivered again within minutes. But a consumer group that was made again reads everything that
 * the stream still holds.
 */
const KEEP_DELIVERED_MS = 24 * 3_600_000;
/** The number of entries that are read at once when a page is filtered. */
const BATCH = 500;

export function bindDeliveryScripts(redis: RedisClient) {
  const file = new URL("../../lua/record_delivery.lua", import.meta.url);
  return { recordDelivery: bindScript(redis, file, ["log", "delivered"], oneOf("ok", "repeat")) };
}

/**
 * Creates a log of the newest `kept` deliveries in a Redis stream. A position is the id of the last entry on a page.
 */
export function createRedisDeliveryLog(redis: RedisClient, kept = KEPT): DeliveryLog {
  const { recordDelivery } = bindDeliveryScripts(redis);
  return {
    has: async (channel, id) => (await redis.zscore(KEYS.delivered, `${channel} ${id}`)) !== null,
    add: (delivery) => {
      const { channel, id, eventType } = delivery;
      return recordDelivery(KEYS, channel, id, toJsonLine(delivery), eventType, kept, KEEP_DELIVERED_MS);
    },
    list: async ({ after, size, eventType }) => {
      const found: { position: string; delivery: Delivery }[] = [];
      let from = after;
      // Looks for one entry more than the page needs. It shows whether there is a next page.
      while (found.length <= size) {
        const count = eventType === "" ? size + 1 : BATCH;
        const newest = from === undefined ? "+" : `(${from}`;
        const entries = await orUnavailable(redis, () => redis.xrevrange(KEYS.log, newest, "-", "COUNT", count));
        for (const [position, [, type, , notification = ""]] of entries) {
          if (eventType === "" || type === eventType) found.push({ position, delivery: fromJsonLine(notification) });
        }
        from = entries.at(-1)?.[0];
        if (entries.length < count) break;
      }
      const page = found.slice(0, size);
      return {
        deliveries: page.map(({ delivery }) => delivery),
        next: found.length > size ? page.at(-1)?.position : undefined,
      };
    },
    // The ids of entries begin with the time in ms, which is never 0. Nothing comes before `0-0`, and Redis answers
    // that with an error.
    isPosition: (text) => /^[1-9]\d{0,15}-\d{1,16}$/.test(text),
  };
}
