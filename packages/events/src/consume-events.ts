import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import type { RedisConnection } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import { createGroup, type GroupStart } from "./group.js";
import { type Outcome, readPartition } from "./partition-reader.js";
import { REDELIVERY, type Redelivery } from "./redelivery.js";

export interface ConsumeOptions {
  readonly redis: RedisConnection;
  /**
   * Who the events are for: the service, such as `monitor`, or a part of it that must hold up no other, such as
   * `notification.slack`. Each group gets every event.
   */
  readonly group: string;
  /** Where a group that is new begins: at the oldest event that is kept (default), or at those that come from now on. */
  readonly from?: GroupStart;
  /** This process within the group. Unique among those that run; a restart may bring a new name. */
  readonly consumer: string;
  /** Partitions 0 to n-1; as many as the queue has shards. Each takes one more Redis connection. */
  readonly partitions?: number;
  /**
   * Called for one event at a time per partition. Resolve: done. Throw: delivered again after a back-off. Must be
   * idempotent by `event.id`, and end in its own time: one that never settles stops its partition in this process.
   */
  readonly handle: (event: Event) => Promise<void>;
  /** Told what became of each delivery, for a metric. */
  readonly count?: (outcome: Outcome) => void;
  readonly log: Logger;
  /** Failed entries that may wait in this process, per partition, before it stops reading new ones. */
  readonly maxPending?: number;
  /** Tests shorten the waits. */
  readonly redelivery?: Partial<Redelivery>;
}

/**
 * Reads the event stream as one consumer of a group, at least once: an event is acknowledged when its handler resolved,
 * delivered again when it threw, and taken over by another consumer when this process dies. An event whose handler
 * keeps failing (about ten minutes) is parked, never dropped: README.md, "Poison". Survives Redis restarts, also with an empty
 * Redis. Events come in stream order per partition, except those that are delivered again.
 *
 * Resolves when it reads; rejects when Redis is away at start. `close()` lets the running handlers end and offers the rest
 * to the other consumers at once; close it before the Redis connection.
 */
export async function consumeEvents(options: ConsumeOptions): Promise<{ close(): Promise<void> }> {
  const { redis, partitions = 1, from = "oldest", handle, count = () => undefined, maxPending = 256 } = options;
  const stop = new AbortController();

  const opened = await Promise.allSettled(
    Array.from({ length: partitions }, async (_, partition) => {
      const log = options.log.child({ group: options.group, partition });
      const group = createGroup(redis, partition, options.group, options.consumer);
      await group.ensure(from);
      await group.forgetSilent();
      const reader = await redis.duplicate();
      const rule = { ...REDELIVERY, ...options.redelivery };
      const ended = readPartition({ partition, group, reader, handle, count, log, rule, maxPending }, stop.signal);
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
