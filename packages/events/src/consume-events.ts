import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import type { RedisConnection } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import { logUnknown } from "./event-data.js";
import { createGroup, type GroupStart } from "./group.js";
import { type Delivery, type Outcome, readPartition } from "./partition-reader.js";
import { REDELIVERY, type Redelivery } from "./redelivery.js";

export interface ConsumeOptions {
  readonly redis: RedisConnection;
  /**
   * The reader of the events: a service, for example `monitor`. It may also be a part of a service that must not delay
   * other parts, for example `notification.slack`. Each group gets every event.
   */
  readonly group: string;
  /** Where a new group begins: at the oldest kept event (default), or at the events that come from now on. */
  readonly from?: GroupStart;
  /**
   * The name of this process within the group. It must be unique among the running processes. A restart may use a new
   * name.
   */
  readonly consumer: string;
  /** The number of partitions, one per shard of the queue: 0 to n-1. Each one needs one more Redis connection. */
  readonly partitions?: number;
  /**
   * Handles an event. If it resolves, the event is done. If it throws, the event is delivered
   * again after a back-off. It must be idempotent by `event.id`. It must also set its own time limit: if it never
   * settles, its partition stops in this process.
   */
  readonly handle: (event: Event, delivery: Delivery) => Promise<void>;
  /**
   * The most events of a partition that are handled at the same time. With 1 (default), an event begins after the one
   * before it has ended. With more, events begin in stream order and end in any order, so it is only for handlers that
   * do not depend on the order.
   */
  readonly inFlight?: number;
  /** Called with the outcome of each delivery, for a metric. */
  readonly count?: (outcome: Outcome) => void;
  readonly log: Logger;
  /** The most failed entries per partition that wait in this process. At this number it stops reading new ones. */
  readonly maxPending?: number;
  /** Tests set shorter waits. */
  readonly redelivery?: Partial<Redelivery>;
}

/**
 * Reads the event stream as one consumer of a group, at least once. An event is acknowledged when its handler resolves.
 * It is delivered again when the handler throws. Another consumer takes it over when this process dies. If the handler
 * keeps failing for about ten minutes, the event is parked and never dropped: README.md, "Poison". The consumer
 * survives restarts of Redis, also if Redis is then empty. Events come in stream order per partition, one at a time if
 * `inFlight` is not set, except events that are delivered again.
 *
 * Resolves when it has begun to read. Rejects if Redis is down for the whole time of a start (`atStart`). `close()`
 * lets the running handlers end and offers the rest to the other consumers immediately. Close it before the Redis
 * connection.
 */
export async function consumeEvents(options: ConsumeOptions): Promise<{ close(): Promise<void> }> {
  const { redis, partitions = 1, from = "oldest", handle, count = () => undefined } = options;
  const { maxPending = 256, inFlight = 1 } = options;
  const stop = new AbortController();
  const tell = logUnknown(options.log);

  const opened = await Promise.allSettled(
    Array.from({ length: partitions }, async (_, partition) => {
      const log = options.log.child({ group: options.group, partition });
      const group = createGroup(redis, partition, options.group, options.consumer);
      await redis.atStart(async () => {
        await group.ensure(from);
        await group.forgetSilent();
      });
      const reader = await redis.duplicate();
      const rule = { ...REDELIVERY, ...options.redelivery };
      const ended = readPartition(
        { partition, group, reader, handle, count, tell, log, rule, maxPending, inFlight },
        stop.signal,
      );
      return { reader, ended, leave: () => group.leave().catch((err: unknown) => log.warn({ err }, "leaving failed")) };
    }),
  );
  const readers = opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const close = async (): Promise<void> => {
    stop.abort();
    for (const { reader } of readers) redis.release(reader);
    await Promise.all(readers.map(({ ended }) => ended));
    await Promise.all(readers.map(({ leave }) => leave()));
  };
  const failed = opened.find((each) => each.status === "rejected");
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }
  return { close };
}
