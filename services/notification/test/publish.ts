import { EVENT_TYPES, type EventData, encodeEventData, eventsKey } from "@ccsp/events";
import type { RedisConnection } from "@ccsp/redis-kit";

export interface Published {
  readonly task?: string;
  readonly agent?: string;
  readonly time?: Date;
  readonly trace?: string;
  readonly data: EventData;
}

/** Adds an event as the queue does. */
export async function publish(redis: RedisConnection, event: Published): Promise<string> {
  const { task = "t1", agent = "a1", time = new Date(), trace = "", data } = event;
  const head = ["type", EVENT_TYPES[data.$case], "time", String(time.getTime()), "task", task, "agent", agent];
  const fields = [...head, "trace", trace, "data", encodeEventData(data)];
  return String(await redis.client.xadd(eventsKey(0), "*", ...fields));
}
