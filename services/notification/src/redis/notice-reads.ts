import { orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import type { Delivery } from "../domain/notice.js";
import type { ChannelState, NoticeStore } from "../domain/notice-store.js";
import { KEYS, queueKeys } from "./keys.js";
import type { Shared } from "./shared.js";
import { storedDelivery, storedIncident, storedNotice } from "./stored.js";

/** Reads one notice, one incident, and how the channels do. */
export function noticeReads({
  redis,
  channels,
  clock,
}: Shared): Pick<NoticeStore, "find" | "incident" | "channelStates"> {
  return {
    find: async (id) => {
      const stored = await orUnavailable(redis, () => redis.hget(KEYS.notices, id));
      if (stored === null) return undefined;
      const { notice, channels: names } = storedNotice(stored);
      return { notice, deliveries: await deliveriesOf(redis, id, names) };
    },

    incident: async (key) => {
      const stored = await orUnavailable(redis, () => redis.hget(KEYS.incidents, key));
      return stored === null ? undefined : storedIncident(stored);
    },

    channelStates: async () => {
      const found = await orUnavailable(redis, async () => {
        const all = await redis.hgetall(KEYS.states);
        return Promise.all(
          channels.map(async (name): Promise<[string, ChannelState]> => {
            const { failures, paused_until } = JSON.parse(all[name] ?? "{}");
            const pausedMs = Number(paused_until ?? 0);
            const pausedUntil = pausedMs > (clock?.() ?? Date.now()) ? new Date(pausedMs) : undefined;
            const count = await redis.zcard(queueKeys(name).order);
            return [name, { waiting: count, failures: Number(failures ?? 0), pausedUntil }];
          }),
        );
      });
      return new Map(found);
    },
  };
}

async function deliveriesOf(redis: RedisClient, id: string, names: readonly string[]): Promise<Delivery[]> {
  if (names.length === 0) return [];
  const fields = names.map((name) => `${name} ${id}`);
  const stored = await orUnavailable(redis, () => redis.hmget(KEYS.deliveries, ...fields));
  return names.flatMap((name, at) => {
    const each = stored[at];
    return each ? [storedDelivery(name, each)] : [];
  });
}
