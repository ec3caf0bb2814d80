import { randomUUID } from "node:crypto";
import type { RedisConnection } from "@ccsp/redis-kit";
import { EVENTS_KEPT, type EventData, encodeEvent, eventsKey } from "./event-stream.js";

export interface Publication {
  readonly data: EventData;
  /**
   * Names this event among those of the service. Two calls with one key tell of one event, whoever makes them. So a call
   * that failed can be repeated, and replicas that find the same thing need not agree on who tells of it. Default: a new
   * UUID, for an event that only this call knows of.
   */
  readonly key?: string;
  /** When it happened. Default: now, on this host's clock. */
  readonly time?: Date;
  readonly taskId?: string;
  readonly agentId?: string;
  /** W3C context of the trace that it belongs to. */
  readonly traceparent?: string;
}

export interface Publisher {
  /**
   * Resolves with the event's id, `<service>:<key>`, when Redis has the event. Rejects when that is not known: after 10 s
   * without an answer, or when Redis refused. Publish again with the same key then. The event may be on the stream more
   * than once, each time with the same id, and readers drop repeats by id.
   */
  publish(event: Publication): Promise<string>;
}

/**
 * Publishes events of a service that keeps no state in the queue's shards, on partition 0. The queue does not use it: its
 * events are written by the script that makes the change (ADR 1).
 *
 * @param service begins the ids, so that no two services use the same one
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
