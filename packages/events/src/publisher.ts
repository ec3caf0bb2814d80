import { randomUUID } from "node:crypto";
import type { RedisConnection } from "@ccsp/redis-kit";
import type { EventData } from "./event-data.js";
import { EVENTS_KEPT, encodeEvent, eventsKey } from "./event-stream.js";

export interface Publication {
  readonly data: EventData;
  /**
   * The name of this event within its service. Two calls with the same key report the same event, even from different
   * callers. So a failed call can be repeated, and replicas that notice the same thing need not agree on which one
   * reports it. The default is a new UUID, for an event that only this call knows.
   */
  readonly key?: string;
  /** The time of the event. The default is now, by the clock of this host. */
  readonly time?: Date;
  readonly taskId?: string;
  readonly agentId?: string;
  /** The W3C context of the trace that the event belongs to. */
  readonly traceparent?: string;
}

export interface Publisher {
  /**
   * Resolves with the event's id, `<service>:<key>`, when Redis has stored the event. Rejects if this is not known:
   * after 10 s without an answer, or if Redis refused. Then publish again with the same key. The event may be on the
   * stream more than once, always with the same id, and readers drop repeats by id.
   */
  publish(event: Publication): Promise<string>;
}

/**
 * Publishes events on partition 0, for a service that keeps no state in the queue's shards. The queue does not use it:
 * the script that makes a change also writes its event (ADR 1).
 *
 * @param service is the first part of the ids, so that no two services use the same id
 */
export function createPublisher(
  { client }: RedisConnection,
  service: string,
  { kept = EVENTS_KEPT }: { readonly kept?: number } = {},
): Publisher {
  return {
    publish: async ({ data, key = randomUUID(), time = new Date(), ...about }) => {
      const id = `${service}:${key}`;
      await client.xadd(eventsKey(0), "MAXLEN", "~", kept, "*", ...encodeEvent({ ...about, id, time, data }));
      return id;
    },
  };
}
